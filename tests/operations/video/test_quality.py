import re
from pathlib import Path

import av
import numpy as np
import pytest

from mediamill.operations.images._ssimulacra2 import Reference
from mediamill.operations.images._vips import vips
from mediamill.operations.video._codecs import CODECS

DOCUMENT = Path(__file__).parents[3] / "docs" / "video-quality.md"
QUALITIES = ("low", "medium", "high")


@pytest.fixture
def coded(done, reel, tmp_path):
    """Return a function that codes a film and returns its picture's bytes and its file."""

    def run(codec, **fields):
        output = tmp_path / f"out.{'webm' if codec == 'vp8' else 'mp4'}"
        done("video_transcode", input=reel("cuts", 1.0), output=output, codec=codec, strip_audio=True,
             skip_if_larger=False, overwrite="replace", **fields)  # fmt: skip
        with av.open(str(output)) as film:
            return sum(packet.size for packet in film.demux(video=0)), output

    return run


def pictures(path):
    with av.open(str(path)) as film:
        for number, frame in enumerate(film.decode(video=0)):
            if number % 10 == 5:
                pixels = np.ascontiguousarray(frame.to_ndarray(format="rgb24"))
                height, width, _ = pixels.shape
                image = vips().Image.new_from_memory(pixels.tobytes(), width, height, 3, "uchar")
                yield image.copy(interpretation="srgb")


def score(source, made):
    return np.mean([Reference(one).score(other) for one, other in zip(pictures(source), pictures(made), strict=True)])


def documented():
    """Return the document's table of presets and rate factors."""
    lines = DOCUMENT.read_text(encoding="utf-8").split("| coding | preset | low | medium | high |\n")[1].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:] if line.startswith("|")]
    return {name: (preset, *map(float, factors)) for name, preset, *factors in cells[: len(CODECS)]}


def test_presets_and_factors_are_the_documented_ones():
    coded = {name: (one.preset, *(one.crf[level] for level in QUALITIES)) for name, one in CODECS.items()}
    assert documented() == coded


def test_factors_lie_where_they_were_measured():
    """Each is that of the measured row of its coding and preset, the median of films, to a whole number."""
    text = DOCUMENT.read_text(encoding="utf-8")
    for name, codec in CODECS.items():
        row = re.search(rf"^\| \*\*{name} {codec.preset}\*\* \|(.*)$", text, re.MULTILINE)
        assert row, f"the preset of {name} is the one in bold"
        measured = [float(cell) for cell in row[1].split("|")[:6:2]]
        assert measured == pytest.approx([codec.crf[level] for level in QUALITIES], abs=0.6), name


@pytest.mark.parametrize("quality", QUALITIES)
def test_qualities_look_alike_in_every_coding(coded, reel, quality):
    scores = {codec: score(reel("cuts", 1.0), coded(codec, quality=quality)[1]) for codec in CODECS}
    assert max(scores.values()) - min(scores.values()) <= 9, scores


def test_qualities_differ(coded):
    low, medium, high = (coded("vp8", quality=quality)[0] for quality in QUALITIES)
    assert 1.2 * low < medium < high / 1.2


def test_parts_of_a_factor_tell_in_av1(coded):
    sizes = [coded("av1", preset="fast", crf=crf)[0] for crf in (30, 30.25, 30.5, 30.75, 31)]
    assert len(set(sizes)) == len(sizes), sizes
