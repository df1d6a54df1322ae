"""HDR brought down to SDR, held against what the light of each patch comes to by the standards' own formulas."""

import numpy as np
import pytest

from fixtures.samples import bright

WHITE = 203
"""Diffuse white in cd/m2 (BT.2408)."""


@pytest.fixture
def patches(done, sample, tmp_path, seen, rgb):
    """Return a function that brings an HDR sample down and reads its patches."""

    def run(name, **fields):
        result = done(
            "video_transcode",
            input=sample(name),
            output=tmp_path / "a.mp4",
            crf=4,
            preset="ultrafast",
            skip_if_larger=False,
            overwrite="replace",
            **fields,
        )
        film = seen(tmp_path / "a.mp4")
        pixels = rgb(film.frames[2])
        centres = [(20 + 40 * (index // 4), 20 + 40 * (index % 4)) for index in range(len(bright.PATCHES))]
        return result, film, np.array([pixels[y - 4 : y + 4, x - 4 : x + 4].mean((0, 1)) for y, x in centres])

    return run


def rolled_off(light, peak=1000.0):
    """Return the code value 0..255 of grey light by BT.2390's spline in PQ and BT.1886."""
    top = bright.pq(np.array(peak))
    white, code = bright.pq(np.array(WHITE)) / top, bright.pq(np.array(light)) / top
    knee = 1.5 * white - 0.5
    if code > knee:
        t = (code - knee) / (1 - knee)
        code = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * white
    # PQ undone by search: the reference shares no formula with what it judges.
    lights = np.linspace(0, peak, 200_001)
    bent = np.interp(code * top, bright.pq(lights), lights)
    return 255 * min(1, bent / WHITE) ** (1 / 2.4)


@pytest.mark.parametrize(("name", "kind"), [("hdr10.mp4", "pq"), ("hlg.mp4", "hlg")])
def test_greys_follow_the_standard(patches, name, kind):
    result, film, found = patches(name)
    assert result.metadata["tone_mapped"] == kind
    assert (film.pixels, film.colour) == ("yuv420p", (1, 1, 1, 1))
    assert not {"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"} & set(film.side)
    greys = [index for index, patch in enumerate(bright.PATCHES) if len(set(patch)) == 1]
    for index in greys:
        wanted = rolled_off(bright.PATCHES[index][0])
        assert found[index] == pytest.approx([wanted] * 3, abs=5), bright.PATCHES[index]
    assert np.all(np.diff(found[greys].mean(1)) >= 0)


def test_below_the_bend_light_stays_what_it_is(patches):
    _, _, found = patches("hdr10.mp4")
    for index, light in ((0, 1), (1, 10), (2, 50)):
        assert found[index].mean() == pytest.approx(255 * (light / WHITE) ** (1 / 2.4), abs=3)


def test_primaries_stay_what_they_are(patches):
    _, _, found = patches("hdr10.mp4")
    red, green, blue, other_red = found[8:12]
    assert [np.argmax(colour) for colour in (red, green, blue)] == [0, 1, 2]
    assert other_red[0] > 200
    assert other_red[1:].max() < 32  # the red of BT.709 is its red again, with nothing of the others


def test_hlg_and_pq_agree(patches):
    _, _, pq = patches("hdr10.mp4")
    _, _, hlg = patches("hlg.mp4")
    assert np.abs(pq - hlg).max() < 12


@pytest.mark.parametrize("codec", ["vp8", "vp9"])
def test_codings_without_ten_bits_get_sdr_too(done, sample, tmp_path, seen, codec):
    path = tmp_path / "a.webm"
    result = done(
        "video_transcode", input=sample("hdr10.mp4"), output=path, codec=codec, preset="ultrafast", skip_if_larger=False
    )
    assert result.metadata["tone_mapped"] == "pq"
    assert seen(path).pixels == "yuv420p"


def test_a_turned_and_smaller_hdr_film(patches):
    _, film, _ = patches("hdr10.mp4", max_width=160, fps=12.5)
    assert film.size == (160, 120)
    assert len(film.frames) == 5


def test_the_folder_for_temporary_files_may_have_any_name(patches, tmp_path, monkeypatch):
    folder = tmp_path / "C:it's, [a] = b;\\c"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    result, _, _ = patches("hdr10.mp4")
    assert result.metadata["tone_mapped"] == "pq"
    assert list(folder.iterdir()) == []
