"""Placeholders as a browser shows them."""

import numpy as np
import pytest

BOX = (0, 0, 200, 150)


@pytest.fixture
def shown(page, site, seen):
    """Return a function that shows an element of 200x150 pixels on white, and returns its pixels and the page."""

    def show(attributes, tag="div"):
        opened = page(300, 200)
        head = "<style>body{margin:0;background:#fff}#a{display:block;width:200px;height:150px}</style>"
        opened.open(site.page("a.html", f'{head}<{tag} id="a" {attributes}></{tag}>'))
        assert opened.errors == []
        return seen(opened.screenshot(BOX)), opened

    return show


def over_white(text):
    colour = np.frombuffer(bytes.fromhex(text[1:].ljust(8, "f")), np.uint8).astype(float)
    return colour[:3] * colour[3] / 255 + 255 - colour[3]


def test_a_gradient_has_the_corners_it_says(done, sample, shown):
    found = done("placeholder", input=sample("photo.jpg"), kind="css_gradient").metadata
    pixels, opened = shown(f'style="{found["css"]}"')
    layers = opened.evaluate("getComputedStyle(document.getElementById('a')).backgroundImage")
    assert layers.count("radial-gradient") == 4
    for text, (row, column) in zip(found["corners"], [(0, 0), (0, -1), (-1, 0), (-1, -1)], strict=True):
        assert np.abs(pixels[row, column] - over_white(text)).max() <= 3


def test_a_gradient_is_closer_to_the_picture_than_one_colour(done, sample, shown, pixels):
    from PIL import Image

    found = done("placeholder", input=sample("photo.jpg"), kind="css_gradient").metadata
    whole = Image.fromarray(pixels(sample("photo.jpg")).astype(np.uint8)).resize((200, 150), Image.Resampling.BOX)
    wanted = np.asarray(whole.resize((4, 3), Image.Resampling.BOX).resize((200, 150), Image.Resampling.BICUBIC), float)
    apart = np.abs(shown(f'style="{found["css"]}"')[0] - wanted).mean()
    assert apart < 0.8 * np.abs(wanted.mean(axis=(0, 1)) - wanted).mean()


def test_a_clear_picture_has_a_clear_gradient(done, shown, tmp_path):
    from PIL import Image

    Image.new("RGBA", (40, 30), (255, 0, 255, 0)).save(tmp_path / "clear.png")
    found = done("placeholder", input=tmp_path / "clear.png", kind="css_gradient").metadata
    assert (shown(f'style="{found["css"]}"')[0] == 255).all()


@pytest.mark.parametrize("name", ["photo.jpg", "alpha.png"])
def test_a_dominant_colour_fills_its_box(done, sample, shown, name):
    found = done("placeholder", input=sample(name), kind="dominant_color").metadata
    assert (shown(f'style="{found["css"]}"')[0] == found["color_rgb"]).all()


@pytest.mark.parametrize("name", ["photo.jpg", "alpha.png", "flat.png", "drawing.svg"])
@pytest.mark.parametrize("fields", [{}, {"format": "avif"}, {"format": "gif"}, {"format": "jpeg"}, {"format": "ico"}])
def test_a_tiny_picture_loads(done, sample, shown, name, fields):
    found = done("placeholder", input=sample(name), **fields).metadata
    opened = shown(f'src="{found["data_uri"]}" alt=""', "img")[1]
    sizes = opened.evaluate("[document.images[0].naturalWidth, document.images[0].naturalHeight]")
    assert sizes == [20, round(20 / found["aspect_ratio"])]
