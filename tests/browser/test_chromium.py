"""The browser harness itself: it sees what is there, and says what is not."""

import io
import os

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


def test_promises_are_waited_for(page):
    assert page().evaluate("new Promise(done => setTimeout(() => done({a: 1}), 50))") == {"a": 1}


def test_the_browser_is_gone_after_its_context():
    with chromium.Chromium() as own:
        assert "Chrom" in own.version
        process = own._process
        profile = own._profile
    assert process.returncode is not None
    assert not os.path.exists(profile)
