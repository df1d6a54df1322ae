"""The browser harness itself: it sees what is there, and says what is not."""

import io
import os
import urllib.error
import urllib.request

import chromium
import pytest
from PIL import Image

PIXEL = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="40" height="20" fill="red"/></svg>'


@pytest.mark.parametrize(("width", "density"), [(320, 1), (800, 2), (1200, 1.5)])
def test_pages_have_the_viewport_and_density_asked_for(page, site, width, density):
    opened = page(width, 300, density)
    opened.open(site.page("a.html", "<p>x</p>"))
    assert opened.evaluate("[innerWidth, innerHeight, devicePixelRatio]") == [width, 300, density]
    with Image.open(io.BytesIO(opened.screenshot())) as image:
        assert image.size == (width * density, 300 * density)


def test_screenshots_show_the_page(page, site, tmp_path, seen):
    (tmp_path / "red.svg").write_text(PIXEL)
    opened = page(100, 50, 2)
    opened.open(site.page("a.html", '<img src="red.svg" alt="" style="display:block">'))
    shown = seen(opened.screenshot((0, 0, 50, 25)))
    assert shown.shape == (50, 100, 3)
    assert shown[:40, :80].tolist() == [[[255, 0, 0]] * 80] * 40
    assert shown[45, 90].tolist() == [255, 255, 255]
    assert opened.errors == []
    assert [os.path.basename(url) for url in opened.requests] == ["a.html", "red.svg"]


def test_what_goes_wrong_is_said(page, site, tmp_path):
    opened = page()
    opened.open(site.page("a.html", '<img src="gone.png" alt=""><script>nothing.at.all</script>'))
    assert any(error.startswith("404 ") and error.endswith("/gone.png") for error in opened.errors)
    assert any("Uncaught" in error for error in opened.errors)
    with pytest.raises(chromium.BrowserError, match="nothing is not defined"):
        opened.evaluate("nothing.at.all")
    with pytest.raises(chromium.BrowserError, match="ERR_"):
        page().open("http://example.com/")


@pytest.mark.parametrize(("asked", "part", "said"), [
    ("bytes=0-", b"0123456789", "bytes 0-9/10"), ("bytes=3-5", b"345", "bytes 3-5/10"),
    ("bytes=-4", b"6789", "bytes 6-9/10"), ("bytes=8-99", b"89", "bytes 8-9/10"),
    ("bytes=-99", b"0123456789", "bytes 0-9/10"),
    ("bytes=1-2,4-5", b"0123456789", None), (None, b"0123456789", None),
])  # fmt: skip
def test_files_are_served_in_parts(site, tmp_path, asked, part, said):
    (tmp_path / "a.mp4").write_bytes(b"0123456789")
    request = urllib.request.Request(site.url("a.mp4"), headers={"Range": asked} if asked else {})
    with urllib.request.urlopen(request) as answer:
        assert (answer.status, answer.headers["Content-Range"]) == (206 if said else 200, said)
        assert (answer.headers["Accept-Ranges"], answer.headers["Content-Type"]) == ("bytes", "video/mp4")
        assert answer.read() == part


def test_parts_beyond_a_file_are_refused(site, tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"0123456789")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(site.url("a.mp4"), headers={"Range": "bytes=10-"}))
    refused.value.close()
    assert (refused.value.code, refused.value.headers["Content-Range"]) == (416, "bytes */10")


def test_promises_are_waited_for(page):
    assert page().evaluate("new Promise(done => setTimeout(() => done({a: 1}), 50))") == {"a": 1}


def test_the_browser_is_gone_after_its_context():
    with chromium.Chromium() as own:
        assert "Chrom" in own.version
        process = own._process
        profile = own._profile
    assert process.returncode is not None
    assert not os.path.exists(profile)
