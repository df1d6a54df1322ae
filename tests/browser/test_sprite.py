"""Sprites as Chromium shows them: every class looks as its picture does by itself."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

INPUTS = ["flat.png", "alpha.png", "gray-alpha.png", "palette.png", "photo-odd.jpg", "drawing.svg"]
HEAD = '<link rel="stylesheet" href="{css}"><link rel="icon" href="data:,"><style>span {{ position: absolute }}</style>'


def shown(opened, seen, site, metadata, css):
    """Yield each class by itself as the browser paints it, with its size in CSS pixels."""
    for one in metadata["sprites"]:
        html = f'<span class="{css[0]} {one["class"]}"></span>'
        opened.open(site.page("a.html", html, HEAD.format(css=css[1])))
        box = opened.evaluate(
            "(r => [r.x, r.y, r.width, r.height])(document.querySelector('span').getBoundingClientRect())"
        )
        yield one, box, seen(opened.screenshot(tuple(box)))


def on_white(image):
    alpha = image[..., 3:] / 255
    return image[..., :3] * alpha + 255 * (1 - alpha)


def test_every_class_shows_its_picture(done, sample, tmp_path, site, page, seen, pixels):
    result = done("sprite", inputs=[str(sample(name)) for name in INPUTS], output=tmp_path / "s.png")
    opened = page(1000, 700)
    for name, (one, box, found) in zip(
        INPUTS, shown(opened, seen, site, result.metadata, ("sprite", "s.css")), strict=True
    ):
        assert box == [0, 0, one["width"], one["height"]]
        if name.endswith(".svg"):
            done("convert", input=sample(name), output=tmp_path / "wanted.png")
            wanted = on_white(pixels(tmp_path / "wanted.png", mode="RGBA"))
        else:
            wanted = on_white(pixels(sample(name), mode="RGBA"))
        assert found.shape == wanted.shape
        assert np.abs(found - wanted).max() <= (2 if name.endswith("jpg") else 1)
    assert opened.errors == []


def test_on_dense_screens_scaled_sprites_show_every_pixel(done, sample, tmp_path, site, page, seen, pixels):
    names = ["flat.png", "alpha.png", "gray-alpha.png"]
    inputs = [str(sample(name)) for name in names]
    result = done("sprite", inputs=inputs, output=tmp_path / "s.png", scale=2, class_name="icon")
    opened = page(1000, 700, 2)
    for name, (one, box, found) in zip(
        names, shown(opened, seen, site, result.metadata, ("icon", "s.css")), strict=True
    ):
        assert box[2:] == [one["width"] / 2, one["height"] / 2]
        assert np.abs(found - on_white(pixels(sample(name), mode="RGBA"))).max() <= 1


@pytest.mark.parametrize("zoom", [0.75, 1.1, 1.5])
def test_neighbours_do_not_show_in_zoomed_pages(done, sample, tmp_path, site, page, seen, zoom):
    for number, colour in enumerate(("red", "blue", "lime", "black")):
        Image.new("RGB", (17, 13), colour).save(tmp_path / f"{number}.png")
    inputs = [str(tmp_path / f"{number}.png") for number in range(4)]
    result = done("sprite", inputs=inputs, output=tmp_path / "s.png")
    opened = page(200, 100, zoom)
    colours = [[255, 0, 0], [0, 0, 255], [0, 255, 0], [0, 0, 0]]
    for colour, (_, _, found) in zip(
        colours, shown(opened, seen, site, result.metadata, ("sprite", "s.css")), strict=True
    ):
        # What is not the picture's colour is white or between the two: its edge on the page.
        share = (255 - found) / np.maximum(1, 255 - np.array(colour, float))
        lit = np.array(colour) == 255
        assert (np.abs(found[..., lit] - 255) <= 1).all()
        assert np.abs(found[3:-3, 3:-3] - colour).max() <= 1
        assert share.max() <= 1.01


def test_awkward_file_names_and_places(done, sample, tmp_path, site, page, seen):
    folder = tmp_path / "a b"
    folder.mkdir()
    shutil.copy(sample("flat.png"), folder / "1 é'\")(.png")
    fields = {"output": folder / "s'p (1)%20.png", "base_url": "/a b"}
    result = done("sprite", inputs=[str(folder / "1 é'\")(.png"), str(sample("tiny.png"))], **fields)
    assert sorted(os.listdir(folder))[-2:] == ["s'p (1)%20.css", "s'p (1)%20.png"]
    opened = page(500, 400)
    css = site.url("a b/s'p (1)%20.css")
    (one, _, found), *_ = shown(opened, seen, site, result.metadata, ("sprite", css.replace("&", "&amp;")))
    assert one["class"] == "sprite-1-e"
    assert (found == [208, 36, 72]).all()
    assert opened.errors == []
