"""Headless Chromium for tests: pages at a viewport and a pixel density, what they run, show and fail to load.

The browser is driven over a pair of pipes by its DevTools protocol, so nothing but the standard library is needed and
no port is open. Pages come from a server of the test's own folder on the loopback; no other host has an address. Every
page has a profile of its own: Chromium takes a larger candidate of a `srcset` where its cache has one.

    with Chromium() as browser, Site(folder) as site:
        page = browser.page(width=800, height=600, density=2)
        page.open(site.url("index.html"))
        page.evaluate("document.images[0].currentSrc")
        page.screenshot()
"""

import base64
import contextlib
import http.server
import io
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-checker-imaging",  # or large pictures are painted a few frames later than the rest
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-pipe",
)
TIMEOUT = 60.0
_SHOTS, _SHOT_SECONDS = 20, 10.0
"""Seconds an answer, or a page, may take; generous, because the machine may be busy."""

NO_ICON = '<link rel="icon" href="data:,">'
"""Without it Chromium asks for /favicon.ico."""

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
"""One range of a file; lists of several are answered with the whole."""

_LAUNCH = (
    "import fcntl, os, sys\n"
    "ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]\n"
    "os.dup2(ends[0], 3), os.dup2(ends[1], 4)\n"
    "[os.close(end) for end in ends]\n"
    "os.execv(sys.argv[3], sys.argv[3:])"
)
"""Puts the pipes where Chromium expects them, which `subprocess` cannot, and becomes Chromium."""


_DECODED = """
Promise.all([...document.querySelectorAll("*")]
  .map(element => element.currentSrc || (getComputedStyle(element).backgroundImage.match(/url\\("(.*)"\\)/) || [])[1])
  .filter(url => url)
  .map(url => { const image = new Image(); image.src = url; return image.decode().catch(() => null); }))
  .then(() => null)
"""
"""Waits until the pictures of a page are decoded."""


class BrowserError(Exception):
    """The browser did not do what it was told."""


class BrowserTimeout(BrowserError):
    """It did not answer in time."""


def find() -> str | None:
    """Return the path of an installed Chromium, None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Chromium:
    """A browser process, ended with its context.

    Args:
        flags: Further flags.
    """

    def __init__(self, *flags: str) -> None:
        program = find()
        if program is None:
            raise BrowserError("none of " + ", ".join(NAMES) + " is installed")
        self._stack = contextlib.ExitStack()
        self._profile = self._stack.enter_context(
            tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        )
        self._said = tempfile.TemporaryFile()  # noqa: SIM115
        self._stack.callback(self._said.close)
        theirs_in, self._write = os.pipe()
        self._read, theirs_out = os.pipe()
        launch = [sys.executable, "-c", _LAUNCH, str(theirs_in), str(theirs_out), program]
        self._process = subprocess.Popen(
            [*launch, *FLAGS, f"--user-data-dir={self._profile}", *flags],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._said,
            pass_fds=(theirs_in, theirs_out),
            start_new_session=True,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._buffer = b""
        self._last = 0
        self._answers: dict[int, dict[str, Any]] = {}
        self._pages: dict[str, Page] = {}

    def __enter__(self) -> "Chromium":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def version(self) -> str:
        """The product and version."""
        return str(self.call("Browser.getVersion")["product"])

    def page(self, width: int = 1280, height: int = 800, density: float = 1.0) -> "Page":
        """Open an empty page with a profile of its own.

        Args:
            width: Of the viewport, in CSS pixels.
            height: Likewise.
            density: Device pixels a CSS pixel.
        """
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self._pages[session] = Page(self, session, context)
        for domain in ("Page", "Runtime", "Network", "Log"):
            page.call(f"{domain}.enable")
        page.resize(width, height, density)
        return page

    def call(self, method: str, session: str | None = None, patience: float = TIMEOUT, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its answer, waited for `patience` seconds.

        Raises:
            BrowserError: It failed, took too long, or the browser is gone.
        """
        self._last += 1
        number = self._last
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._write, data) :]
        deadline = time.monotonic() + patience
        while number not in self._answers:
            self.pump(deadline, method)
        answer = self._answers.pop(number)
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error'].get('message')}")
        result: dict[str, Any] = answer["result"]
        return result

    def pump(self, deadline: float, waiting_for: str) -> None:
        """Take in what the browser says next.

        Raises:
            BrowserError: It says nothing until the deadline, a `monotonic` time, or is gone.
        """
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise BrowserTimeout(f"no answer to {waiting_for} in time")
            chunk = os.read(self._read, 1 << 20)
            if not chunk:
                raise BrowserError(f"Chromium ended before {waiting_for}: {self._last_words()}")
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\0")
        message = json.loads(line)
        if "id" in message:
            self._answers[message["id"]] = message
        elif message.get("sessionId") in self._pages:
            self._pages[message["sessionId"]].take(message["method"], message["params"])

    def forget(self, session: str) -> None:
        """Stop listening to a page."""
        self._pages.pop(session, None)

    def close(self) -> None:
        """End the process, and whatever it started, and remove its profile."""
        with contextlib.suppress(BrowserError, OSError):
            self.call("Browser.close")
        os.close(self._write)
        os.close(self._read)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        with contextlib.suppress(ProcessLookupError):  # its own group, helpers that outlive it among them
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._stack.close()

    def _last_words(self) -> str:
        self._said.seek(0)
        return self._said.read()[-2000:].decode("utf-8", "replace")


class Page:
    """One page.

    Attributes:
        errors: What was logged as an error, thrown, refused by the server or failed to load, in words.
        requests: The URLs that were asked for.
    """

    def __init__(self, browser: Chromium, session: str, context: str) -> None:
        self._browser = browser
        self._session = session
        self._context = context
        self._loaded = False
        self.errors: list[str] = []
        self.requests: list[str] = []

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol on this page."""
        return self._browser.call(method, self._session, **params)

    def resize(self, width: int, height: int, density: float = 1.0) -> None:
        """Set the viewport in CSS pixels, and how many device pixels each has."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=density, mobile=False
        )

    def open(self, url: str) -> None:
        """Go to a URL and wait until it and what it needs is loaded."""
        self._loaded = False
        answer = self.call("Page.navigate", url=url)
        if answer.get("errorText"):
            raise BrowserError(f"{url}: {answer['errorText']}")
        deadline = time.monotonic() + TIMEOUT
        while not self._loaded:
            self._browser.pump(deadline, f"the load of {url}")

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression, as JSON has it; a promise's is waited for."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise BrowserError(str(details.get("exception", {}).get("description") or details.get("text")))
        return answer["result"].get("value")

    def screenshot(self, clip: tuple[float, float, float, float] | None = None) -> bytes:
        """Return what is seen, as PNG in device pixels.

        Args:
            clip: The part to take: x, y, width and height in CSS pixels; absent: the viewport.
        """
        options: dict[str, Any] = {"format": "png"}
        if clip is not None:
            options["clip"] = dict(zip(("x", "y", "width", "height"), clip, strict=True)) | {"scale": 1}
        self.evaluate(_DECODED)
        before = b""
        for _ in range(_SHOTS):  # a busy machine takes pictures of a page before all of it is painted, or none
            self.evaluate("new Promise(done => setTimeout(done, 50))")
            try:
                answer = self.call("Page.captureScreenshot", patience=_SHOT_SECONDS, **options)
            except BrowserTimeout:
                continue
            seen = base64.b64decode(answer["data"])
            if seen == before:
                return seen
            before = seen
        raise BrowserError("The page does not come to rest.")

    def take(self, method: str, params: dict[str, Any]) -> None:
        """Take an event of this page."""
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Network.responseReceived" and params["response"]["status"] >= 400:
            self.errors.append(f"{params['response']['status']} {params['response']['url']}")
        elif method == "Network.loadingFailed" and not params.get("canceled"):
            self.errors.append(f"{params['type']}: {params['errorText']}")
        elif method == "Runtime.exceptionThrown":
            self.errors.append(str(params["exceptionDetails"].get("text")))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(str(params["entry"]["text"]))

    def close(self) -> None:
        """Close the page and drop its profile."""
        self._browser.call("Target.disposeBrowserContext", browserContextId=self._context)
        self._browser.forget(self._session)


class Site:
    """A folder, served on the loopback until its context ends.

    Args:
        folder: What is served.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), lambda *arguments: _Handler(*arguments, directory=str(folder))
        )
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def __enter__(self) -> "Site":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def url(self, path: str = "") -> str:
        """Return the URL of a file in the folder."""
        return f"http://127.0.0.1:{self._server.server_port}/{quote(path)}"

    def page(self, name: str, body: str, head: str = NO_ICON) -> str:
        """Write an HTML page into the folder and return its URL."""
        html = (
            f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Test</title>\n'
            f"<style>body {{ margin: 0 }}</style>\n{head}\n</head>\n<body>\n{body}\n</body>\n</html>\n"
        )
        (self._folder / name).write_text(html, "utf-8")
        return self.url(name)

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(http.server.SimpleHTTPRequestHandler):
    extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | {
        ".avif": "image/avif",
        ".webp": "image/webp",
        ".ico": "image/x-icon",
        ".svg": "image/svg+xml",
        ".webmanifest": "application/manifest+json",
        ".mp4": "video/mp4",
        ".webm": "video/webm",
    }

    def end_headers(self) -> None:
        """Have everything fetched anew: tests change files faster than dates tell."""
        self.send_header("Cache-Control", "no-store")
        self.send_header("Accept-Ranges", "bytes")
        super().end_headers()

    def send_head(self) -> Any:
        """Answer with a part of a file where one is asked for, as players do to seek (RFC 9110, 14)."""
        path = Path(self.translate_path(self.path))
        asked = _RANGE.fullmatch(self.headers.get("Range", ""))
        if asked is None or not any(asked.groups()) or not path.is_file():
            return super().send_head()
        data = path.read_bytes()
        first, last = _span(asked[1], asked[2], len(data))
        if first > last:
            self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            self.send_header("Content-Range", f"bytes */{len(data)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        self.send_response(HTTPStatus.PARTIAL_CONTENT)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        self.send_header("Content-Length", str(last + 1 - first))
        self.end_headers()
        return io.BytesIO(data[first : last + 1])

    def copyfile(self, source: Any, outputfile: Any) -> None:
        """Send a file; players hang up on what they no longer need."""
        with contextlib.suppress(ConnectionError):
            super().copyfile(source, outputfile)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Keep quiet."""


def _span(first: str, last: str, size: int) -> tuple[int, int]:
    """Return the first and the last byte of a range, whose end or beginning may be left out."""
    if not first:
        return max(0, size - int(last)), size - 1
    return int(first), min(int(last), size - 1) if last else size - 1
