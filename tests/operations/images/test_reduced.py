"""JPEG to much smaller JPEGs through a decoder that shrinks: the same pictures as through pixels, by another way."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips

from mediamill.engine.context import LocalChannel
from mediamill.engine.execute import execute
from mediamill.engine.settings import Settings
from mediamill.operations.contract import Blob, Limits
from mediamill.operations.images import _reduced
from mediamill.operations.images._encode import Encoding
from mediamill.operations.images._geometry import fit
from mediamill.operations.images._jpeg_header import DamagedJpeg
from mediamill.operations.images._resample import Look
from mediamill.operations.images._source import open_source
from mediamill.operations.images._work import Variant, Work
from mediamill.operations.sniff import sniff
from mediamill.protocol.decode import to_job
from mediamill.protocol.errors import MediaError


class WarmChannel(LocalChannel):
    warm = True


@pytest.fixture
def warm(registry: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Any, bool]]:
    """Return a function that resizes as a worker would; it returns the result, and whether this way was taken."""
    taken: list[bool] = []
    render = _reduced.render
    monkeypatch.setattr(_reduced, "render", lambda *arguments: taken.append(True) or render(*arguments))

    def run(**fields: Any) -> tuple[Any, bool]:
        taken.clear()
        raw = {"operation": "resize"} | {k: str(v) if isinstance(v, Path) else v for k, v in fields.items()}
        return execute(registry["resize"], to_job(raw, registry), Settings(fsync=False), WarmChannel(), 1), bool(taken)

    return run


TAKEN = [
    ("photo.jpg", {"widths": [500]}),
    ("photo.jpg", {"widths": [500, 320, 90]}),
    ("photo.jpg", {"widths": [100]}),
    ("photo.jpg", {"widths": [320], "quality": 95}),
    ("photo.jpg", {"widths": [320], "chroma_subsampling": "4:4:4"}),
    ("photo.jpg", {"width": 301, "height": 301, "fit": "cover"}),
    ("photo.jpg", {"width": 200, "height": 90, "fit": "cover", "focal_x": 0.2, "focal_y": 0.9}),
    ("photo.jpg", {"width": 301, "height": 101, "fit": "fill"}),
    ("photo.jpg", {"widths": [301], "filter": "mitchell"}),
    ("photo-progressive.jpg", {"widths": [151]}),
    ("photo-restart.jpg", {"widths": [151]}),
    ("photo-444.jpg", {"widths": [151]}),
    ("photo-422.jpg", {"widths": [151]}),
    ("photo-gray.jpg", {"widths": [151]}),
    ("photo-odd.jpg", {"widths": [97]}),
    ("photo-exif.jpg", {"widths": [151]}),
    *((f"orientation-{number}.jpg", {"widths": [20], "quality": 92}) for number in range(1, 9)),
]


@pytest.mark.parametrize(("name", "fields"), TAKEN)
def test_the_pictures_are_those_made_through_pixels(warm, done, sample, tmp_path, pixels, distance, name, fields):
    ours, taken = warm(input=sample(name), output_dir=tmp_path / "reduced", **fields)
    theirs = done("resize", input=sample(name), output_dir=tmp_path / "pixels", **fields)
    assert taken
    assert [(o.width, o.height, o.format, o.quality) for o in ours.outputs] == [
        (o.width, o.height, o.format, o.quality) for o in theirs.outputs
    ]
    for one, other in zip(ours.outputs, theirs.outputs, strict=True):
        made = pixels(one.path, mode="RGB")
        assert made.shape == (one.height, one.width, 3)
        assert distance(made, pixels(other.path, mode="RGB")) < 4
        assert pyvips.Image.new_from_file(one.path).bands == pyvips.Image.new_from_file(other.path).bands
    assert ours.metadata == theirs.metadata


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("photo.jpg", {"widths": [700]}),
        ("photo.jpg", {"widths": [900, 100]}),
        ("photo.jpg", {"widths": [100], "format": "webp"}),
        ("photo.jpg", {"widths": [100], "progressive": True}),
        ("photo.jpg", {"widths": [100], "effort": 8}),
        ("photo.jpg", {"widths": [100], "linear_rgb": True}),
        ("photo.jpg", {"widths": [100], "sharpen": 1}),
        ("photo.jpg", {"widths": [100], "filter": "nearest"}),
        ("photo.jpg", {"width": 100, "height": 100, "fit": "contain"}),
        ("photo.jpg", {"width": 100, "height": 100, "fit": "cover", "position": "attention"}),
        ("photo-exif.jpg", {"widths": [100], "metadata": "all"}),
        ("p3.jpg", {"widths": [20]}),
        ("cmyk.jpg", {"widths": [20]}),
        ("adobe-rgb-coded.jpg", {"widths": [20]}),
        ("photo.png", {"widths": [100], "format": "jpeg"}),
    ],
)
def test_what_this_way_cannot_do_goes_another(warm, sample, tmp_path, name, fields):
    result, taken = warm(input=sample(name), output_dir=tmp_path, **fields)
    assert result.success, result.error
    assert not taken


def test_a_profile_that_says_what_is_assumed_is_no_hindrance(warm, sample, tmp_path):
    image = pyvips.Image.new_from_file(sample("photo.jpg"))
    tagged = image.icc_transform("srgb", input_profile="srgb")
    (tmp_path / "tagged.jpg").write_bytes(tagged.jpegsave_buffer(Q=90, keep="icc"))
    assert pyvips.Image.new_from_file(str(tmp_path / "tagged.jpg")).get_typeof("icc-profile-data")
    result, taken = warm(input=tmp_path / "tagged.jpg", output_dir=tmp_path / "out", widths=[200])
    assert result.success
    assert taken


def test_sparse_pictures_get_tables_of_their_own(warm, sample, tmp_path):
    import io

    from PIL import Image

    result, taken = warm(input=sample("photo.jpg"), output_dir=tmp_path, widths=[300], quality=10)
    assert taken
    data = Path(result.outputs[0].path).read_bytes()
    file = io.BytesIO()
    Image.open(io.BytesIO(data)).save(file, "JPEG", quality="keep", optimize=False)
    assert len(data) < 0.95 * len(file.getvalue())


def test_a_file_that_is_cut_short_is_damaged(warm, sample, tmp_path):
    result, taken = warm(input=sample("half.jpg"), output_dir=tmp_path, widths=[60])
    assert result.error_info.code == "corrupt_input"
    assert not taken
    assert list(tmp_path.iterdir()) == []


def accepts(data: bytes, size: tuple[int, int]) -> bool:
    try:
        source = open_source(Blob(data=data, name="x.jpg", path="x.jpg", kind=sniff(data)), Limits(), 1)
    except MediaError:
        return False
    one, _ = fit(source.facts.size, *size, how="fill")
    work = Work(source=source, variants=(Variant(one, Encoding(format="jpeg")),), look=Look(), check=lambda: None)
    found = _reduced.accepts(work)
    if found is None:
        return False
    try:
        _reduced.decode(work, found)
    except DamagedJpeg:
        return False
    return True


def vips_accepts(data: bytes) -> bool:
    try:
        pyvips.Image.jpegload_buffer(data, fail_on="warning", shrink=2).avg()
    except pyvips.Error:
        return False
    return True


@pytest.mark.parametrize("options", [{}, {"interlace": True}, {"restart_interval": 3}, {"subsample_mode": "off"}])
def test_all_that_libvips_refuses_is_refused(options):
    noise = np.random.default_rng(5).normal(0, 12, (98, 131, 3))
    y, x = np.mgrid[:98, :131].astype(float)
    smooth = np.stack([128 + 90 * np.sin(x / 31), 128 + 80 * np.cos(y / 19), 128 + 60 * np.sin((x + y) / 17)], -1)
    image = pyvips.Image.new_from_array(np.clip(smooth + noise, 0, 255).astype(np.uint8))
    whole = image.copy(interpretation="srgb").jpegsave_buffer(Q=85, keep="none", **options)
    assert accepts(whole, (40, 30))
    chance, refused = random.Random(7), 0
    start = whole.index(b"\xff\xda") + 14
    for _ in range(150):
        data, at = bytearray(whole), chance.randrange(start, len(whole) - 2)
        data[at : at + chance.randrange(60)] = chance.randbytes(chance.randrange(40))
        if not vips_accepts(bytes(data)):
            refused += 1
            assert not accepts(bytes(data), (40, 30))
    assert refused > 10
