"""Moving pictures through resize and convert: every frame is compared with what Pillow composes of the source."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageSequence

from mediamill.operations.images import _avif_timing, _headers

DELAYS = (40, 80, 120, 200, 40, 40, 500, 60, 100, 20, 300, 90)
SOURCES = ("animated.gif", "animated.webp", "animated.avif", "animated-apng.png")
OUTPUTS = ("gif", "webp", "avif")
SIZE = (60, 40)


def frames(path):
    """Return the frames as floats, colours weighed by alpha, with their delays."""
    found, delays = [], []
    with Image.open(path) as image:
        for frame in ImageSequence.Iterator(image):
            picture = np.asarray(frame.convert("RGBA"), float)
            picture[..., :3] *= picture[..., 3:] / 255
            found.append(picture)
            delays.append(frame.info.get("duration"))
    return found, delays


def timing(done, path, tmp_path):
    """Return delays and loops as the engine reads them, which tests of each format check on its own."""
    from mediamill.operations.contract import Blob, Limits
    from mediamill.operations.images._source import open_source
    from mediamill.operations.sniff import sniff

    data = path.read_bytes()
    facts = open_source(Blob(data=data, name="x", path=None, kind=sniff(data)), Limits()).facts
    return list(facts.delays), facts.loop


def film():
    """Return five RGBA frames: a square that runs and leaves a hole behind."""
    made = []
    for index in range(5):
        picture = np.zeros((SIZE[1], SIZE[0], 4), np.uint8)
        picture[5 * index : 5 * index + 12, 10 * index : 10 * index + 14] = (40 * index + 50, 255 - 40 * index, 90, 255)
        made.append(Image.fromarray(picture))
    return made


def saved(path, pictures, kind, **options):
    file = io.BytesIO()
    pictures[0].save(file, kind, save_all=True, append_images=pictures[1:], **options)
    path.write_bytes(file.getvalue())
    return path


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("suffix", OUTPUTS)
def test_every_direction(done, sample, tmp_path, source, suffix):
    output = tmp_path / f"a.{suffix}"
    lossless = suffix == "webp"
    result = done("convert", input=sample(source), output=output, lossless=lossless, quality=90, effort=1)
    assert result.outputs[0].frames == 12
    assert "frames_dropped" not in result.metadata
    wanted, _ = frames(sample(source))
    found, _ = frames(output)
    assert len(found) == 12
    worst = {"webp": 0.0, "gif": 8.0, "avif": 4.0}[suffix]
    for one, other in zip(wanted, found, strict=True):
        assert np.abs(one - other).mean() <= worst
    delays, loop = timing(done, output, tmp_path)
    assert delays == list(DELAYS)
    assert loop == timing(done, sample(source), tmp_path)[1]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("suffix", OUTPUTS)
def test_every_direction_resized(done, sample, tmp_path, source, suffix):
    output = tmp_path / f"a.{suffix}"
    result = done("resize", input=sample(source), output=output, widths=[80], quality=95, effort=1)
    assert (result.outputs[0].width, result.outputs[0].height, result.outputs[0].frames) == (80, 60, 12)
    with Image.open(sample(source)) as image:
        wanted = [
            frame.convert("RGBA").convert("RGBa").resize((80, 60), Image.Resampling.LANCZOS).convert("RGBA")
            for frame in ImageSequence.Iterator(image)
        ]
    found, _ = frames(output)
    assert len(found) == 12
    for one, other in zip(wanted, found, strict=True):
        picture = np.asarray(one, float)
        picture[..., :3] *= picture[..., 3:] / 255
        assert np.abs(picture - other).mean() < (10 if suffix == "gif" else 5)
    assert timing(done, output, tmp_path)[0] == list(DELAYS)


@pytest.mark.parametrize("disposal", [0, 1, 2, 3, [1, 3, 2, 1, 0]])
@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_disposal_and_offsets(done, tmp_path, disposal, suffix):
    source = saved(tmp_path / "in.gif", film(), "GIF", duration=50, loop=0, disposal=disposal)
    output = tmp_path / f"a.{suffix}"
    done("convert", input=source, output=output, lossless=suffix == "webp")
    wanted, _ = frames(source)
    found, _ = frames(output)
    assert len(found) == len(wanted) == 5
    for one, other in zip(wanted, found, strict=True):
        assert np.abs(one - other).max() <= (0 if suffix == "webp" else 40)
        assert np.abs(one - other).mean() < 0.5


@pytest.mark.parametrize("suffix", ["gif", "webp", "avif"])
def test_delays_of_none_stay_what_they_are(done, tmp_path, suffix):
    given = [0, 10, 20, 100, 40]
    source = saved(tmp_path / "in.gif", film(), "GIF", duration=given, loop=0, disposal=2)
    assert timing(done, source, tmp_path)[0] == given
    done("convert", input=source, output=tmp_path / f"a.{suffix}")
    least = 1 if suffix == "avif" else 0
    assert timing(done, tmp_path / f"a.{suffix}", tmp_path)[0] == [max(least, delay) for delay in given]


@pytest.mark.parametrize("suffix", ["gif", "webp", "avif"])
def test_equal_frames_keep_their_time(done, tmp_path, suffix):
    one, two, three, *_ = film()
    pictures, given = [one, one, two, two, two, three], [50, 0, 70, 10, 90, 100]
    source = saved(tmp_path / "in.png", pictures, "PNG", duration=[delay + 1 for delay in given], loop=2, disposal=1)
    with Image.open(source) as image:
        total = sum(frame.info["duration"] for frame in ImageSequence.Iterator(image))
    result = done("convert", input=source, output=tmp_path / f"a.{suffix}", lossless=suffix == "webp")
    delays, loop = timing(done, tmp_path / f"a.{suffix}", tmp_path)
    assert result.outputs[0].frames == len(delays)
    assert abs(sum(delays) - total) <= (10 * len(delays) if suffix == "gif" else 0)
    assert loop == 2


@pytest.mark.parametrize("source", [*OUTPUTS, "png"])
@pytest.mark.parametrize("suffix", OUTPUTS)
@pytest.mark.parametrize("loop", [0, 1, 2, 7])
def test_loops(done, tmp_path, source, suffix, loop):
    """GIF says how often it runs again, the others how often it runs."""
    kind = {"png": "PNG", "webp": "WEBP", "gif": "GIF"}
    first = tmp_path / f"in.{source}"
    if source == "avif":
        saved(first, film(), "AVIF", duration=50, quality=50, speed=9)
        first.write_bytes(_avif_timing.with_loop(first.read_bytes(), loop))
    elif source == "gif":
        again = {0: {"loop": 0}, 1: {}}.get(loop, {"loop": loop - 1})
        saved(first, film(), "GIF", duration=50, disposal=2, **again)
    else:
        saved(first, film(), kind[source], duration=50, loop=loop)
    done("convert", input=first, output=tmp_path / f"a.{suffix}", effort=0)
    data = (tmp_path / f"a.{suffix}").read_bytes()
    assert timing(done, tmp_path / f"a.{suffix}", tmp_path)[1] == loop
    if suffix == "gif":
        written = (
            None if b"NETSCAPE2.0" not in data else struct.unpack_from("<H", data, data.index(b"NETSCAPE") + 13)[0]
        )
        assert written == {0: 0, 1: None}.get(loop, loop - 1)
    elif suffix == "webp":
        with Image.open(io.BytesIO(data)) as image:
            assert image.info["loop"] == loop


def test_loops_of_an_avif_are_where_the_standard_has_them(tmp_path):
    plain = saved(tmp_path / "a.avif", film(), "AVIF", duration=[50, 60, 70, 80, 90], speed=9).read_bytes()
    assert (_avif_timing.loop(plain), _avif_timing.delays(plain, 10)) == (0, (50, 60, 70, 80, 90))
    thrice = _avif_timing.with_loop(plain, 3)
    at = thrice.index(b"elst")
    edit = int.from_bytes(thrice[at + 12 : at + 20], "big")
    assert (edit, thrice[at + 7]) == (350, 1)
    at = thrice.index(b"tkhd")
    assert int.from_bytes(thrice[at + 32 : at + 40], "big") == 3 * edit
    once = _avif_timing.with_loop(plain, 1)
    assert once[once.index(b"elst") + 7] == 0
    assert _avif_timing.loop(b"") == _avif_timing.loop(plain[:40]) == 0


def test_a_moving_avif_is_the_same_each_time(done, sample, tmp_path):
    for name in ("a.avif", "b.avif"):
        done("resize", input=sample("animated.gif"), output=tmp_path / name, widths=[40])
    data = (tmp_path / "a.avif").read_bytes()
    assert data == (tmp_path / "b.avif").read_bytes()
    at = data.index(b"mvhd")
    assert data[at + 8 : at + 24] == bytes(16)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("suffix", ["jpg", "png", "tiff", "ico"])
def test_stills_take_the_first_frame_and_say_so(done, sample, tmp_path, source, suffix):
    result = done("convert", input=sample(source), output=tmp_path / f"a.{suffix}", background="#000000")
    assert result.metadata["frames_dropped"] == 11
    with Image.open(tmp_path / f"a.{suffix}") as image:
        assert getattr(image, "n_frames", 1) == 1
        found = np.asarray(image.convert("RGBA"), float)
    found[..., :3] *= found[..., 3:] / 255
    wanted = frames(sample(source))[0][0]
    assert np.abs(found - wanted)[..., :3].mean() < 5


def test_the_picture_for_others_is_no_frame(done, tmp_path):
    """A PNG may have a still for readers that cannot play it."""
    still = Image.new("RGBA", SIZE, (255, 0, 0, 255))
    source = saved(tmp_path / "in.png", [still, *film()], "PNG", duration=50, default_image=True)
    result = done("convert", input=source, output=tmp_path / "a.webp", lossless=True)
    assert result.outputs[0].frames == 5
    for one, other in zip(film(), frames(tmp_path / "a.webp")[0], strict=True):
        picture = np.asarray(one, float)
        assert np.abs(picture[..., :3] * picture[..., 3:] / 255 - other[..., :3]).max() == 0
    alone = done("convert", input=source, output=tmp_path / "a.jpg")
    assert alone.metadata["frames_dropped"] == 4


def test_pngs_that_say_more_frames_than_they_have(code, done, sample, tmp_path):
    data = sample("animated-apng.png").read_bytes()
    at = data.index(b"acTL")
    import zlib

    for told, shown in ((3, 3), (400, None), (0, 1)):
        body = b"acTL" + told.to_bytes(4, "big") + data[at + 8 : at + 12]
        (tmp_path / "a.png").write_bytes(data[:at] + body + zlib.crc32(body).to_bytes(4, "big") + data[at + 16 :])
        if shown is None:
            result = done("convert", input=tmp_path / "a.png", output=tmp_path / "a.webp")
            assert result.outputs[0].frames == 12
        else:
            result = done("convert", input=tmp_path / "a.png", output=tmp_path / "a.webp")
            assert (result.outputs[0].frames or 1) == shown
    (tmp_path / "a.png").write_bytes(data[: len(data) * 2 // 3])
    assert code("convert", input=tmp_path / "a.png", output=tmp_path / "a.webp") == "corrupt_input"


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize(("limit", "value"), [("max_frames", 11), ("max_frame_pixels", 12 * 160 * 120 - 1)])
def test_limits(job, sample, tmp_path, name, limit, value):
    result = job("convert", {limit: value}, input=sample(name), output=tmp_path / "a.webp")
    assert result.error_info.code == "limit_exceeded"
    assert limit in result.error


@pytest.mark.parametrize("suffix", ["gif", "webp", "avif"])
def test_frames_that_end_too_early(code, sample, tmp_path, suffix):
    data = sample(f"animated.{suffix}").read_bytes()
    (tmp_path / f"a.{suffix}").write_bytes(data[: len(data) * 2 // 3])
    assert code("convert", input=tmp_path / f"a.{suffix}", output=tmp_path / "o.gif") == "corrupt_input"


def test_a_moving_avif_cannot_be_lossless(job, sample, tmp_path):
    result = job("convert", input=sample("animated.gif"), output=tmp_path / "a.avif", lossless=True)
    assert (result.error_info.code, result.error_info.field) == ("invalid_job", "lossless")


def test_delays_are_put_back_where_frames_were_merged():
    frame = b"ANMF" + struct.pack("<I", 16) + bytes(12)
    data = b"RIFF\0\0\0\0WEBP" + b"".join(frame + delay.to_bytes(3, "little") + b"\0" for delay in (200, 160, 100))
    put = _headers.with_webp_delays(data, (0, 10, 20, 100, 40, 0))
    assert [int.from_bytes(put[at + 20 : at + 23], "little") for at in (12, 36, 60)] == [10, 160, 0]
    assert _headers.with_webp_delays(data, (200, 160, 100)) == data


def test_slow_fades_keep_their_frames(done, tmp_path):
    frames = [Image.new("RGB", (40, 30), (level, level, level)) for level in range(0, 200, 5)]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], duration=40, lossless=True)
    done("resize", input=tmp_path / "a.webp", output=tmp_path / "b.gif", width=20)
    with Image.open(tmp_path / "b.gif") as made:
        assert made.n_frames == len(frames)
        for number in range(made.n_frames):
            made.seek(number)
            assert abs(made.convert("L").getpixel((10, 7)) - 5 * number) <= 1
