"""A site's icons, as Chromium asks for, decodes and lists them."""

import json
import os
import time

import chromium
import pytest

SIZES = """Promise.all([...document.images].map(async image => {
    await image.decode()
    return [image.naturalWidth, image.naturalHeight]
}))"""


def asked_for(opened, pause):
    """Return the icons a page has asked for; they are fetched after everything else."""
    deadline = time.monotonic() + chromium.TIMEOUT
    while time.monotonic() < deadline:
        opened.evaluate(f"new Promise(done => setTimeout(done, {pause}))")
        found = [os.path.basename(url) for url in opened.requests if not url.endswith(".html")]
        if found:
            return found
    return []


@pytest.mark.parametrize(("source", "icon"), [("alpha.png", {"favicon.ico"}), ("drawing.svg", {"favicon.svg"})])
def test_pages_ask_for_one_of_the_icons_and_get_it(done, sample, tmp_path, site, page, source, icon):
    result = done("favicon", input=sample(source), output_dir=tmp_path)
    opened = page(400, 300)
    opened.open(site.page("a.html", "<p>x</p>", result.metadata["html_snippet"]))
    found = asked_for(opened, 100)
    small = {f"favicon-{side}x{side}.png" for side in (16, 32, 48)}
    assert set(found) & (icon | small)
    assert set(found) <= set(os.listdir(tmp_path))
    assert opened.errors == []


def test_the_icon_file_decodes_and_shows_the_picture(done, sample, tmp_path, site, page, seen, distance, pixels):
    done("favicon", input=sample("alpha.png"), output_dir=tmp_path)
    opened = page(100, 100)
    style = "<style>img { display: block } body { background: white }</style>"
    opened.open(site.page("a.html", '<img src="favicon.ico" alt="" width="48" height="48">', chromium.NO_ICON + style))
    assert opened.evaluate(SIZES) == [[48, 48]]
    found = pixels(tmp_path / "favicon-48x48.png", mode="RGBA")
    alpha = found[..., 3:] / 255
    wanted = found[..., :3] * alpha + 255 * (1 - alpha)
    assert distance(seen(opened.screenshot((0, 0, 48, 48))), wanted) < 1
    assert opened.errors == []


def test_every_picture_of_an_icon_file_is_one_chromium_reads(done, sample, tmp_path, site, page):
    for side in (1, 16, 64, 256):
        done("favicon", input=sample("drawing.svg"), output_dir=tmp_path / str(side), ico_sizes=[side])
    images = "".join(f'<img src="{side}/favicon.ico" alt="">' for side in (1, 16, 64, 256))
    opened = page()
    opened.open(site.page("a.html", images))
    assert opened.evaluate(SIZES) == [[side, side] for side in (1, 16, 64, 256)]


def test_the_manifest_is_read_and_its_icons_exist(done, sample, tmp_path, site, page):
    fields = {"maskable": True, "app_name": 'Mühle & "Söhne"', "theme_color": "navy"}
    result = done("favicon", input=sample("drawing.svg"), output_dir=tmp_path, **fields)
    opened = page()
    opened.open(site.page("a.html", "<p>x</p>", result.metadata["html_snippet"]))
    read = opened.call("Page.getAppManifest")
    assert read["url"] == site.url("manifest.webmanifest")
    assert read["errors"] == []
    assert json.loads(read["data"]) == result.metadata["manifest"]
    assert read["manifest"]["name"] == 'Mühle & "Söhne"'
    icons = read["manifest"]["icons"]
    assert [icon["sizes"] for icon in icons] == ["192x192", "512x512", "512x512"]
    images = "".join(f'<img src="{icon["url"]}" alt="">' for icon in icons)
    opened.open(site.page("b.html", images))
    assert opened.evaluate(SIZES) == [[192, 192], [512, 512], [512, 512]]
    assert opened.errors == []


def test_everything_that_is_linked_is_there(done, sample, tmp_path, site, page):
    result = done("favicon", input=sample("drawing.svg"), output_dir=tmp_path / "i", base_url="/i/", prefix="a_b")
    opened = page()
    opened.open(site.page("a.html", "<p>x</p>", result.metadata["html_snippet"]))
    linked = opened.evaluate(
        "Promise.all([...document.querySelectorAll('link')].map(async link => "
        "[link.rel, (await fetch(link.href)).status, (await fetch(link.href)).headers.get('content-type')]))"
    )
    assert [(rel, status) for rel, status, _ in linked] == [
        *[("icon", 200)] * 5,
        ("apple-touch-icon", 200),
        ("manifest", 200),
    ]
