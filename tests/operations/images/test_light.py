import msgspec
import numpy as np
import pytest

from mediamill.operations.images._colour import normalise
from mediamill.operations.images._light import REC_709, close_light, open_light, own_space
from mediamill.operations.images._vips import set_blob, vips


def profile(name):
    return bytes(
        vips()
        .Image.black(1, 1, bands=3)
        .copy(interpretation="srgb")
        .icc_export(output_profile=name)
        .get("icc-profile-data")
    )


def cube(levels, top, kind):
    steps = np.linspace(0, top, levels).round().astype(kind)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(levels, -1, 3)
    return vips().Image.new_from_array(grid).copy(interpretation="rgb16" if top > 255 else "srgb")


@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize(("top", "kind"), [(255, np.uint8), (65_535, np.uint16)])
@pytest.mark.parametrize("name", [None, "p3"])
def test_there_and_back_is_the_same_picture(name, top, kind, linear):
    image = cube(16, top, kind)
    if name:
        set_blob(image, "icc-profile-data", profile(name))
    back = close_light(open_light(own_space(image), linear=linear))
    assert (back.format, back.interpretation, back.bands) == (image.format, image.interpretation, image.bands)
    assert (back.get_typeof("icc-profile-data") != 0) == (name is not None)
    # lcms rounds XYZ to sixteen bits, which in the darkest colours is a third of a step of eight
    assert (back - image).abs().max() <= (100 if name and linear and top > 255 else 0)


@pytest.mark.parametrize("top", [255, 65_535])
def test_every_grey_comes_back(top):
    kind, name = (np.uint8, "b-w") if top == 255 else (np.uint16, "grey16")
    ramp = vips().Image.new_from_array(np.arange(top + 1, dtype=kind).reshape(-1, 256)).copy(interpretation=name)
    assert (close_light(open_light(ramp, linear=True)) - ramp).abs().max() == 0


def test_light_is_light():
    light = open_light(cube(3, 255, np.uint8), linear=True)
    assert light.image.max() == pytest.approx(1, abs=1e-6)
    assert light.image.min() == 0
    assert light.image(1, 1)[1] == pytest.approx(((128 / 255 + 0.055) / 1.055) ** 2.4, abs=1e-6)
    assert light.weights == REC_709


def test_the_weights_of_a_wide_space_are_its_own():
    image = cube(3, 255, np.uint8)
    set_blob(image, "icc-profile-data", profile("p3"))
    light = open_light(image, linear=True)
    assert sum(light.weights) == pytest.approx(1)
    assert light.weights == pytest.approx((0.229, 0.692, 0.079), abs=0.005)
    assert light.image.min() > -1e-3
    assert light.image.max() < 1.001


def test_what_is_out_of_range_is_clipped():
    light = open_light(cube(3, 255, np.uint8), linear=True)
    stretched = close_light(msgspec.structs.replace(light, image=light.image * 4 - 1))
    assert (stretched.min(), stretched.max()) == (0, 255)
    assert stretched(1, 1)[0] == 0


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("photo.png", ("srgb", 3)),
        ("p3.png", ("srgb", 3)),
        ("cmyk.jpg", ("srgb", 3)),
        ("photo-gray.jpg", ("b-w", 1)),
        ("gray-alpha.png", ("b-w", 2)),
        ("gray16.png", ("grey16", 1)),
        ("rgb16.png", ("rgb16", 3)),
        ("bad-icc.jpg", ("srgb", 3)),
    ],
)
def test_each_picture_has_a_space_to_calculate_in(sample, name, found):
    image = own_space(normalise(vips().Image.new_from_file(str(sample(name)))))
    assert (image.interpretation, image.bands) == found


def test_a_grey_profile_is_followed_and_dropped():
    grey = vips().Image.new_from_array(np.arange(256, dtype=np.uint8).reshape(16, 16)).copy(interpretation="b-w")
    from PIL import ImageCms

    # lcms writes no grey profile through Pillow; its header and two tags are short enough to be written here
    white = b"XYZ \0\0\0\0" + b"".join(int(v * 65536).to_bytes(4, "big") for v in (0.9642, 1.0, 0.8249))
    curve = b"curv\0\0\0\0" + (1).to_bytes(4, "big") + int(1.0 * 256).to_bytes(2, "big") + b"\0\0"
    tags = (2).to_bytes(4, "big")
    for tag, at, body in ((b"wtpt", 156, white), (b"kTRC", 156 + len(white), curve)):
        tags += tag + at.to_bytes(4, "big") + len(body).to_bytes(4, "big")
    whole = 128 + len(tags) + len(white) + len(curve)
    head = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()[:128])
    head[:4], head[16:20], head[12:16] = whole.to_bytes(4, "big"), b"GRAY", b"mntr"
    set_blob(grey, "icc-profile-data", bytes(head) + tags + white + curve)
    found = own_space(grey)
    assert (found.interpretation, found.bands, found.get_typeof("icc-profile-data")) == ("b-w", 1, 0)
    assert abs(found(0, 8)[0] - 188) <= 1, "half of the light is the code 188"
