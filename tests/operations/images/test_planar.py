"""JPEG to JPEG through planes, as a warm worker does it: the same pictures as through pixels, by another way."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mediamill.engine.context import LocalChannel
from mediamill.engine.execute import execute
from mediamill.engine.settings import Settings
from mediamill.operations.images import _planar, _planes
from mediamill.protocol.decode import to_job


class WarmChannel(LocalChannel):
    warm = True


@pytest.fixture
def warm(registry: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Any, bool]]:
    """Return a function that resizes as a worker would; it returns the result, and whether planes were taken."""
    taken: list[bool] = []
    render = _planar.render
    monkeypatch.setattr(_planar, "render", lambda *arguments: taken.append(True) or render(*arguments))

    def run(operation: str = "resize", **fields: Any) -> tuple[Any, bool]:
        taken.clear()
        raw = {"operation": operation} | {k: str(v) if isinstance(v, Path) else v for k, v in fields.items()}
        result = execute(registry[operation], to_job(raw, registry), Settings(fsync=False), WarmChannel(), 1)
        assert result.success, result.error
        return result, bool(taken)

    return run


PLAIN = [
    ("photo.jpg", {"widths": [1000, 640, 320]}),
    ("photo.jpg", {"widths": [700]}),
    ("photo.jpg", {"width": 601, "height": 434, "fit": "fill"}),
    ("photo.jpg", {"widths": [700], "quality": 95}),
    ("photo.jpg", {"widths": [700, 400], "chroma_subsampling": "4:4:4"}),
    ("photo-444.jpg", {"widths": [500, 300]}),
    ("photo-422.jpg", {"widths": [500, 301]}),
    ("photo-gray.jpg", {"widths": [500, 301]}),
    ("photo-odd.jpg", {"widths": [500, 301, 97]}),
    ("photo-exif.jpg", {"widths": [301]}),
    *((f"orientation-{number}.jpg", {"widths": [61, 40], "quality": 92}) for number in range(1, 9)),
    *((f"orientation-{number}.jpg", {"widths": [80, 52]}) for number in range(1, 9)),
]


@pytest.mark.parametrize(("name", "fields"), PLAIN)
def test_the_pictures_are_those_made_through_pixels(warm, done, sample, tmp_path, pixels, distance, name, fields):
    ours, taken = warm(input=sample(name), output_dir=tmp_path / "planes", **fields)
    theirs = done("resize", input=sample(name), output_dir=tmp_path / "pixels", **fields)
    assert taken
    assert [(o.width, o.height, o.format, o.quality) for o in ours.outputs] == [
        (o.width, o.height, o.format, o.quality) for o in theirs.outputs
    ]
    for one, other in zip(ours.outputs, theirs.outputs, strict=True):
        made = pixels(one.path, mode="RGB")
        assert made.shape == (one.height, one.width, 3)
        assert distance(made, pixels(other.path, mode="RGB")) < 4
    assert ours.metadata == theirs.metadata


MIXED = [
    ("photo.jpg", {"widths": [640, 320], "formats": ["webp", "jpeg"]}),
    ("photo.jpg", {"widths": [640], "formats": ["avif", "jpeg"]}),
    ("photo-odd.jpg", {"widths": [401, 97], "formats": ["avif", "webp", "jpeg"], "effort": 1}),
    ("photo-gray.jpg", {"widths": [500, 301], "formats": ["webp", "jpeg"]}),
    ("photo-444.jpg", {"widths": [500, 300], "formats": ["avif", "webp", "jpeg"], "quality": 92, "effort": 1}),
    *((f"orientation-{number}.jpg", {"widths": [80, 52], "formats": ["webp", "jpeg"]}) for number in range(1, 9)),
]


@pytest.mark.parametrize(("name", "fields"), MIXED)
def test_other_lossy_outputs_come_from_the_planes_of_the_jpegs(
    warm, done, sample, tmp_path, pixels, distance, name, fields
):
    ours, taken = warm("srcset", input=sample(name), output_dir=tmp_path / "planes", **fields)
    theirs = done("srcset", input=sample(name), output_dir=tmp_path / "pixels", **fields)
    assert taken
    assert ours.metadata == theirs.metadata
    for one, other in zip(ours.outputs, theirs.outputs, strict=True):
        assert (one.width, one.height, one.quality) == (other.width, other.height, other.quality)
        assert distance(pixels(one.path, mode="RGB"), pixels(other.path, mode="RGB")) < 4


def test_outputs_without_a_plain_jpeg_go_through_pixels(warm, sample, tmp_path):
    for number, fields in enumerate(
        ({"formats": ["webp", "avif"]}, {"formats": ["jpeg", "png"]}, {"format": "jpeg", "progressive": True})
    ):
        fields = {"widths": [200, 100], **fields}
        assert not warm("srcset", input=sample("photo.jpg"), output_dir=tmp_path / str(number), **fields)[1]


OTHERWISE = [
    ("photo-progressive.jpg", {"widths": [400, 200]}),
    ("photo-restart.jpg", {"widths": [400, 200]}),
    ("p3.jpg", {"widths": [200, 100]}),
    ("cmyk.jpg", {"widths": [200, 100]}),
    ("adobe-rgb-coded.jpg", {"widths": [200, 100]}),
    ("photo.png", {"widths": [400, 200], "format": "jpeg"}),
    ("photo.jpg", {"widths": [700], "format": "webp"}),
    ("photo.jpg", {"widths": [700], "progressive": True}),
    ("photo.jpg", {"widths": [700], "effort": 8}),
    ("photo.jpg", {"widths": [700], "linear_rgb": True}),
    ("photo.jpg", {"widths": [700], "sharpen": 1}),
    ("photo.jpg", {"widths": [700], "filter": "mitchell"}),
    ("photo.jpg", {"width": 300, "height": 300, "fit": "cover"}),
    ("photo.jpg", {"widths": [2000], "upscale": True}),
    ("photo.jpg", {"widths": [100]}),
    ("photo-exif.jpg", {"widths": [301], "metadata": "all"}),
    ("corrupt-scan.jpg", {"widths": [700, 300]}),
]


@pytest.mark.parametrize(("name", "fields"), OTHERWISE)
def test_what_planes_cannot_do_or_do_not_gain_goes_through_pixels(warm, sample, tmp_path, name, fields):
    result, taken = warm(input=sample(name), output_dir=tmp_path, **fields)
    assert not taken
    assert all(output.size_bytes for output in result.outputs)


def test_the_same_job_gives_the_same_bytes(warm, sample, tmp_path):
    for folder in ("a", "b"):
        warm(input=sample("photo.jpg"), output_dir=tmp_path / folder, widths=[800, 320])
    for name in ("photo-800.jpg", "photo-320.jpg"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_file_that_is_cut_short_is_refused_by_both_ways(warm, sample, tmp_path, monkeypatch):
    refused: list[Exception] = []
    decode = _planes.decode

    def noted(*arguments: Any) -> Any:
        try:
            return decode(*arguments)
        except _planes.DamagedJpeg as error:
            refused.append(error)
            raise

    monkeypatch.setattr(_planes, "decode", noted)
    with pytest.raises(AssertionError, match="damaged"):
        warm(input=sample("half.jpg"), output_dir=tmp_path, widths=[700, 300])
    assert refused
    assert list(tmp_path.iterdir()) == []
