"""A film or a sound in a page: what the browser's own player shows of it, frame by frame, and lets be heard.

A frame counts as shown once the player gives it with its time; waits are for that, never for a while.
"""

import chromium
import numpy as np
import numpy.typing as npt

_SCRIPT = """
const film = document.createElement('video')
film.muted = true
document.body.append(film)
const next = (event) => new Promise((good, bad) => {
    film.addEventListener(event, good, {once: true})
    film.addEventListener('error', () => bad(new Error(film.error.message)), {once: true})
})
const turn = () => new Promise((good) => setTimeout(good, 10))
const current = () => {
    try { return new VideoFrame(film) } catch { return null }  // none is there yet
}
// The frame shown at a time; a busy machine may show the one before for a moment, and some films begin without any.
const shown = async (time, length, patience) => {
    const deadline = performance.now() + patience
    const is_due = (frame) => frame !== null && frame.timestamp <= time * 1e6 + 2000
        && (length === null || frame.timestamp > (time - length) * 1e6)
    let frame = current()
    while (!is_due(frame) && performance.now() < deadline) {
        frame?.close()
        await turn()
        frame = current()
    }
    const canvas = new OffscreenCanvas(film.videoWidth, film.videoHeight)
    const context = canvas.getContext('2d')
    if (frame !== null) context.drawImage(frame, 0, 0, canvas.width, canvas.height)
    const at = frame === null ? null : frame.timestamp / 1e6
    frame?.close()
    return [at, Array.from(context.getImageData(0, 0, canvas.width, canvas.height).data)]
}
const listen = async (url) => {
    const ready = next('canplay')
    film.src = url
    await ready
    return [film.videoWidth, film.duration]
}
const skip = async (time) => {
    const there = next('seeked')
    film.currentTime = time
    await there
    return film.currentTime
}
const load = async (url) => {
    const ready = next('loadeddata')
    film.src = url
    await ready
    const [, picture] = await shown(Infinity, null, 5000)
    return [film.videoWidth, film.videoHeight, film.duration, picture]
}
const jump = async (time, length) => {
    const there = next('seeked')
    film.currentTime = time
    await there
    return await shown(time, length, 20000)
}
const play = async () => {
    film.currentTime = 0
    const over = next('ended')
    await film.play()
    await over
    return [film.currentTime, film.webkitDecodedFrameCount, film.webkitAudioDecodedByteCount]
}
const sound = async (url) => {
    const context = new OfflineAudioContext(1, 1, 48000)
    const buffer = await context.decodeAudioData(await (await fetch(url)).arrayBuffer())
    return Array.from(buffer.getChannelData(0))
}
"""

Pixels = npt.NDArray[np.float64]


class Player:
    """A film, opened in a page of its own.

    Args:
        page: An empty page.
        site: Where the film is served.
        name: Its path there.

    Attributes:
        page: The page.
        size: Width and height in pixels, as shown.
        duration: Seconds.
        first: The picture shown first, shape (height, width, 3), 0..255.
    """

    def __init__(self, page: chromium.Page, site: chromium.Site, name: str) -> None:
        self.page = page
        self._name = name
        page.open(site.page("player.html", f"<script>{_SCRIPT}</script>"))
        width, height, self.duration, first = page.evaluate(f"load({name!r})")
        self.size = width, height
        self.first = self._pixels(first)

    def jump(self, time: float, length: float | None = None) -> tuple[float | None, Pixels]:
        """Go to a time, and return when the picture shown there begins, and the picture.

        Args:
            time: Seconds.
            length: Seconds a picture lasts at most; the one that is due then is waited for.
        """
        at, values = self.page.evaluate(f"jump({time}, {'null' if length is None else length})")
        return at, self._pixels(values)

    def play(self) -> tuple[float, int, int]:
        """Play from the start to the end; return the time it ended at, and how many frames and bytes were decoded."""
        ended, frames, sound = self.page.evaluate("play()")
        return ended, frames, sound

    def sound(self) -> npt.NDArray[np.float64]:
        """Return the first channel of the sound as the browser decodes it, at 48 kHz, from the film's start."""
        return np.array(self.page.evaluate(f"sound({self._name!r})"))

    def _pixels(self, values: list[int]) -> Pixels:
        return np.array(values, float).reshape(self.size[1], self.size[0], 4)[..., :3]


class Track:
    """A sound without pictures, opened in a page of its own.

    Args:
        page: An empty page.
        site: Where the sound is served.
        name: Its path there.

    Attributes:
        page: The page.
        duration: Seconds.
    """

    def __init__(self, page: chromium.Page, site: chromium.Site, name: str) -> None:
        self.page = page
        self._name = name
        page.open(site.page("player.html", f"<script>{_SCRIPT}</script>"))
        width, self.duration = page.evaluate(f"listen({name!r})")
        assert width == 0

    def skip(self, time: float) -> float:
        """Go to a time; return where the player then is."""
        return float(self.page.evaluate(f"skip({time})"))

    def play(self) -> tuple[float, int]:
        """Play from the start to the end; return the time it ended at, and how many bytes of sound were decoded."""
        ended, _, sound = self.page.evaluate("play()")
        return ended, sound

    def sound(self) -> npt.NDArray[np.float64]:
        """Return the first channel as the browser decodes it, at 48 kHz."""
        return np.array(self.page.evaluate(f"sound({self._name!r})"))
