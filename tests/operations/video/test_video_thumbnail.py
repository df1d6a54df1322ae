import base64
import io
import re
import urllib.parse
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from fixtures.samples import bright, films, reels
from fixtures.samples.reels import Film, Picture
from mediamill.operations.video import video_thumbnail

NAME = "video_thumbnail"
HALF_A_MILLISECOND = 0.0005
MATRICES = {"709": (0.2126, 0.0722), "601": (0.299, 0.114)}


def frames(path: Path) -> list[tuple[float, Any]]:
    """Decode a whole film with PyAV: the time of each frame in seconds, and the frame."""
    with av.open(str(path)) as container:
        stream = next(one for one in container.streams.video if not int(one.disposition) & 0x400)
        start = (container.start_time or 0) / av.time_base
        return [(float(frame.pts * frame.time_base) - start, frame) for frame in container.decode(stream)]


def shown(path: Path, time: float) -> Any:
    """Return the frame that is on screen at a time."""
    return [frame for at, frame in frames(path) if at <= time + HALF_A_MILLISECOND][-1]


def rgb(frame: Any, matrix: str = "601", *, full: bool = False) -> Any:
    """Convert a YUV frame by the book: floats 0..255 of shape (height, width, 3).

    Chroma lies on the left sample of each pair and between two rows; it is interpolated linearly.
    """
    deep = frame.format.components[0].bits
    scale, kind = 2 ** (deep - 8), np.uint16 if deep > 8 else np.uint8
    planes = []
    for plane in frame.planes:
        rows = np.frombuffer(bytes(plane), kind).reshape(plane.height, -1)[:, : plane.width].astype(np.float64) / scale
        planes.append(spread(spread(rows, frame.height, 0, 0.5), frame.width, 1, 0.0))
    luma, blue, red = planes
    if not full:
        luma, blue, red = (luma - 16) * 255 / 219, (blue - 128) * 255 / 224 + 128, (red - 128) * 255 / 224 + 128
    kr, kb = MATRICES[matrix]
    red, blue = luma + 2 * (1 - kr) * (red - 128), luma + 2 * (1 - kb) * (blue - 128)
    green = (luma - kr * red - kb * blue) / (1 - kr - kb)
    return np.clip(np.stack([red, green, blue], -1), 0, 255)


def spread(plane: Any, size: int, axis: int, site: float) -> Any:
    """Interpolate a plane of half the size along an axis; one of full size is returned as it is."""
    have = plane.shape[axis]
    if have == size:
        return plane
    at = np.clip((np.arange(size) - site) / 2, 0, have - 1)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, have - 1)
    share = (at - low).reshape((-1, 1) if axis == 0 else (1, -1))
    return plane.take(low, axis) * (1 - share) + plane.take(high, axis) * share


def nearest(picture: Any, path: Path) -> float:
    """Return the time of the frame that is most like a picture, which has to be very like it."""
    far = [(float(np.abs(rgb(frame) - picture).mean()), time) for time, frame in frames(path)]
    assert min(far)[0] < 1
    return min(far)[1]


@pytest.fixture
def taken(done, tmp_path, pixels):
    """Return a function that takes one PNG out of a film and returns its pixels and the result."""

    def take(path, **fields):
        result = done(NAME, input=path, output=tmp_path / "taken.png", **fields)
        return pixels(tmp_path / "taken.png"), result

    return take


@pytest.fixture
def clip(tmp_path):
    """Return a function that writes a film of given RGB pictures at 25 frames a second."""

    def write(paint, name="clip.mp4", **said):
        path = tmp_path / name
        container = {"mp4": "mp4", "ts": "mpegts", "mkv": "matroska", "webm": "webm"}[name.rpartition(".")[2]]
        path.write_bytes(reels.write(Film(format=container, picture=Picture(paint=paint, **said))))
        return path

    return write


class TestMoments:
    """Which frame is taken."""

    @pytest.mark.parametrize(
        ("timestamp", "time"),
        [
            (0, 0.0), (0.5, 0.5), (1, 1.0), ("00:00:01.5", 1.5), ("0:01", 1.0), ("25%", 0.5), ("50 %", 1.0),
            (0.479, 0.479), (0.4801, 0.4801), (1.99, 1.99), (2, 1.999), ("100%", 1.999),
        ],
    )  # fmt: skip
    def test_it_is_the_frame_on_screen(self, taken, sample, timestamp, time):
        path = sample("film.mp4")
        picture, result = taken(path, timestamp=timestamp)
        assert nearest(picture, path) == pytest.approx(int(time * 25 + 1e-6) / 25)
        assert result.outputs[0].timestamp == pytest.approx(int(time * 25 + 1e-6) / 25)
        assert 0 < result.outputs[0].score <= 1
        assert result.metadata["thumbnails"] == [
            {"timestamp": result.outputs[0].timestamp, "score": result.outputs[0].score}
        ]

    @pytest.mark.parametrize(
        "name",
        ["film.mov", "film.mkv", "film.ts", "film.webm", "film.avi", "fragmented.mp4", "edited.mp4", "wrapping.ts",
         "late-picture.mp4", "late-sound.mp4", "captions.mkv", "cover.mp4", "uneven.mp4"],
    )  # fmt: skip
    def test_in_every_container(self, done, sample, tmp_path, pixels, name):
        path = sample(name)
        times = [1.3, 0.6, 0.9, 1.301]
        result = done(NAME, input=path, output_dir=tmp_path, timestamps=times, format="png")
        for time, output in zip(times, result.outputs, strict=True):
            on_screen = [at for at, _ in frames(path) if at <= time + HALF_A_MILLISECOND][-1]
            assert nearest(pixels(output.path), path) == on_screen
            assert output.timestamp == pytest.approx(on_screen, abs=0.001)

    @pytest.mark.parametrize("name", ["gop.mp4", "gop.ts", "gop.mkv"])
    def test_among_many_groups_of_pictures(self, done, clip, tmp_path, pixels, name):
        from fixtures.samples import moving

        options = {"preset": "veryfast", "x264-params": "threads=1:keyint=12:bframes=3:open-gop=1"}
        path = clip(moving.picture, name, seconds=6.0, options=options)
        times = [5.3, 0.05, 0.5, 2.77, 0.47, 0.48, 4.0, 5.99]
        result = done(NAME, input=path, output_dir=tmp_path, timestamps=times, format="png")
        for time, output in zip(times, result.outputs, strict=True):
            on_screen = [at for at, _ in frames(path) if at <= time + HALF_A_MILLISECOND][-1]
            assert nearest(pixels(output.path), path) == on_screen
            single = done(NAME, input=path, output=tmp_path / "single.png", timestamp=time).outputs[0]
            assert single.timestamp == output.timestamp
            assert Path(single.path).read_bytes() == Path(output.path).read_bytes()

    def test_in_a_container_that_tells_the_order_of_storage_alone(self, taken, sample, distance):
        path = sample("reordered.avi")
        in_order = [frame for _, frame in frames(path)]
        assert len(in_order) == 50
        for time in (0, 0.5, 1.22, 1.99):
            picture, result = taken(path, timestamp=time)
            far = [distance(picture, rgb(frame)) for frame in in_order]
            assert np.argmin(far) == int(time * 25 + 1e-6)
            assert result.outputs[0].timestamp == pytest.approx(int(time * 25 + 1e-6) / 25, abs=0.001)

    def test_a_time_as_told_is_the_same_frame(self, done, sample, tmp_path):
        path = sample("uneven.mp4")
        for time, _ in frames(path):
            told = done(NAME, input=path, output=tmp_path / "a.png", timestamp=round(time, 3)).outputs[0].timestamp
            assert told == pytest.approx(time, abs=0.001)

    def test_parts(self, done, sample, tmp_path):
        path = sample("film.mp4")
        for fields, times in (
            ({"count": 4}, [0.24, 0.72, 1.24, 1.72]),
            ({"count": 1}, [1.0]),
            ({"every": 0.5}, [0.0, 0.48, 1.0, 1.48]),
            ({"every": 5}, [0.0]),
            ({"percentages": [100, 0, 33]}, [1.96, 0.0, 0.64]),
            ({"timestamps": ["1%", 0.44, "0:01"]}, [0.0, 0.44, 1.0]),
        ):
            result = done(NAME, input=path, output_dir=tmp_path / "parts", **fields)
            told = [output.timestamp for output in result.outputs]
            assert told == pytest.approx(times, abs=0.041), fields
            assert len(set(told)) == len(times)

    def test_names(self, done, sample, tmp_path):
        path = sample("film.mp4")

        def names(**fields):
            return [Path(one.path).name for one in done(NAME, input=path, **fields).outputs]

        assert names(output_dir=tmp_path) == ["film.jpg"]
        assert names(output_dir=tmp_path, count=2, format="webp") == ["film-1.webp", "film-2.webp"]
        assert names(output_dir=tmp_path, count=2, name="{index}_{width}x{height}.{ext}") == [
            "1_160x120.jpg",
            "2_160x120.jpg",
        ]
        assert names(output=tmp_path / "shot{index}.png", count=2) == ["shot1.png", "shot2.png"]
        assert names(output=tmp_path / "one.jpeg", timestamps=[1]) == ["one.jpeg"]

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"timestamp": 2.1}, "timestamp"),
            ({"timestamp": -1}, "timestamp"),
            ({"timestamp": "101%"}, "timestamp"),
            ({"timestamp": "soon"}, "timestamp"),
            ({"timestamps": []}, "timestamps"),
            ({"timestamps": [0, 2.01]}, "timestamps[1]"),
            ({"timestamps": [0.5, "x"]}, "timestamps[1]"),
            ({"timestamps": [0.5, 1, "00:00:01"]}, "timestamps[2]"),
            ({"timestamps": ["auto"]}, "timestamps[0]"),
            ({"percentages": []}, "percentages"),
            ({"percentages": [101]}, "percentages[0]"),
            ({"percentages": [-1]}, "percentages[0]"),
            ({"percentages": [5, 5.0]}, "percentages[1]"),
            ({"count": 0}, "count"),
            ({"count": 10_001}, "count"),
            ({"every": 0}, "every"),
            ({"count": 2, "every": 1}, "every"),
            ({"timestamp": "auto", "count": 2}, "count"),
            ({"width": 0}, "width"),
            ({"quality": 101}, "quality"),
            ({"format": "gif"}, "format"),
            ({"count": 2, "name": "{name}.{ext}"}, "name"),
            ({"name": "{nam}.{ext}"}, "name"),
            ({"name": "../{name}.{ext}"}, "name"),
            ({"sheet": True, "timestamp": 1}, "timestamp"),
            ({"sheet": True, "skip_black": True}, "skip_black"),
            ({"sheet": True, "columns": 0}, "columns"),
            ({"output": "a.jpg"}, "output_dir"),
        ],
    )
    def test_refusals(self, job, sample, tmp_path, fields, field):
        result = job(NAME, input=sample("film.mp4"), output_dir=tmp_path / "none", **fields)
        assert result.error_info.code == "invalid_job"
        assert result.error_info.field == field
        assert not (tmp_path / "none").exists()

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({}, "output"),
            ({"output": "a.gif"}, "output"),
            ({"output": "a.pgn"}, "output"),
            ({"output": "a.jpg", "format": "png"}, "format"),
            ({"output": "a.jpg", "count": 2}, "output"),
            ({"output": "a.jpg", "every": 0.5}, "output"),
        ],
    )
    def test_refusals_of_places(self, job, sample, tmp_path, monkeypatch, fields, field):
        monkeypatch.chdir(tmp_path)
        result = job(NAME, input=sample("film.mp4"), **fields)
        assert (result.error_info.code, result.error_info.field) == ("invalid_job", field)
        assert list(tmp_path.iterdir()) == []

    def test_too_many(self, code, sample, tmp_path):
        assert code(NAME, input=sample("film.mp4"), output_dir=tmp_path, every=0.0001) == "limit_exceeded"

    def test_plans_write_nothing(self, done, sample, tmp_path):
        result = done(
            NAME, input=sample("turned-90.mp4"), output_dir=tmp_path / "out", every=0.1, dry_run=True, width=60
        )
        assert [(one.width, one.height) for one in result.outputs] == [(60, 80)] * 4
        assert not (tmp_path / "out").exists()


class TestLooks:
    """How frames come out."""

    @pytest.mark.parametrize("name", films.TURNS)
    def test_all_eight_ways_to_hold_a_camera(self, taken, sample, distance, name):
        path = sample(name)
        stored = rgb(shown(path, 0.2))
        a, b, c, d = films.TURNS[name]
        height, width = stored.shape[:2]
        # Where each stored pixel goes, by the matrix itself.
        y, x = np.mgrid[:height, :width]
        across, down = a * x + c * y, b * x + d * y
        across, down = across - across.min(), down - down.min()
        wanted = np.zeros((int(down.max()) + 1, int(across.max()) + 1, 3))
        wanted[down, across] = stored
        picture, _ = taken(path, timestamp=0.2)
        assert distance(picture, wanted) < 1.5

    @pytest.mark.parametrize(("name", "size"), [("wide-pixels.mp4", (233, 120)), ("tall-pixels.mp4", (160, 135))])
    def test_pixels_that_are_not_square(self, taken, sample, distance, name, size):
        picture, result = taken(sample(name), timestamp=1)
        assert (result.outputs[0].width, result.outputs[0].height) == size
        frame = Image.fromarray(rgb(shown(sample(name), 1.0)).astype(np.uint8)).resize(size, Image.Resampling.LANCZOS)
        assert distance(picture, np.asarray(frame)) < 2.5

    @pytest.mark.parametrize(
        ("name", "matrix", "full"),
        [
            ("bt601.mp4", "601", False),
            ("bt709.mp4", "709", False),
            ("full-range.mp4", "709", True),
            ("ten-bit.mp4", "709", False),
            ("odd.webm", "601", False),
            ("odd.mp4", "601", False),
            ("film.mp4", "601", False),
        ],
    )
    def test_colours(self, taken, sample, distance, name, matrix, full):
        path = sample(name)
        picture, _ = taken(path, timestamp=0.2)
        frame = shown(path, 0.2)
        right = distance(picture, rgb(frame, matrix, full=full))
        # FFmpeg's scaler stretches chroma over odd sides: up to half a sample of it at the far edge.
        assert right < (1.5 if name.startswith("odd") else 0.8)
        assert distance(picture, rgb(frame, "709" if matrix == "601" else "601", full=full)) > 2 * right + 1
        assert distance(picture, rgb(frame, matrix, full=not full)) > 2 * right + 1

    def test_chroma_lies_where_it_belongs(self, taken, sample, distance, monkeypatch):
        path = sample("film.mp4")
        picture, _ = taken(path, timestamp=0.2)
        frame = shown(path, 0.2)
        left = distance(picture, rgb(frame))
        plain = spread
        monkeypatch.setattr(f"{__name__}.spread", lambda plane, size, axis, site: plain(plane, size, axis, 0.5))
        assert left < 0.8 * distance(picture, rgb(frame))

    def test_large_films_that_do_not_say_are_bt709(self, clip, taken, distance):
        def plain(width, height, _share):
            return np.full((height, width, 3), (200, 40, 90), np.uint8)

        def untold(stream):
            stream.codec_context.colorspace = 2

        path = clip(plain, size=(1280, 720), seconds=0.04, colour=(2, 2, 1, 1), dress=untold)
        assert int(shown(path, 0).colorspace) == 2
        picture, _ = taken(path, timestamp=0)
        assert distance(picture, np.broadcast_to((200.0, 40.0, 90.0), picture.shape)) < 2

    def test_rgb(self, taken, sample, distance):
        picture, _ = taken(sample("rgb.mp4"), timestamp=0.2)
        assert distance(picture, shown(sample("rgb.mp4"), 0.2).to_ndarray(format="rgb24")) < 0.5

    @pytest.mark.parametrize("name", ["hdr10.mp4", "hlg.mp4"])
    def test_hdr_is_brought_down(self, taken, sample, name):
        picture, result = taken(sample(name), timestamp=0.2)
        assert result.metadata["tone_mapped"] == {"hdr10.mp4": "pq", "hlg.mp4": "hlg"}[name]
        rows, columns = len(bright.PATCHES) // bright.COLUMNS, bright.COLUMNS
        height, width = picture.shape[0] // rows, picture.shape[1] // columns
        middles = picture[height // 2 :: height, width // 2 :: width].reshape(-1, 3)
        for light, colour in zip(bright.PATCHES, middles, strict=True):
            if len(set(light)) == 1:
                assert np.ptp(colour) <= 4  # grey stays grey
        greys = [colour.mean() for light, colour in zip(bright.PATCHES, middles, strict=True) if len(set(light)) == 1]
        assert greys == sorted(greys)
        assert greys[-1] > 240
        # 50 cd/m2 is a quarter of paper white: BT.1886 makes that 142 of 255, far from what a plain cut gives.
        assert greys[2] == pytest.approx(255 * (50 / bright.LIGHT[1]) ** (1 / 2.4), abs=8)
        red = middles[-1]
        assert red[0] > 180
        assert max(red[1:]) < 60

    def test_interlaced_films_show_no_combs(self, taken, sample):
        picture, result = taken(sample("interlaced.mp4"), timestamp=0.4)
        stored = rgb(shown(sample("interlaced.mp4"), 0.4))
        assert result.metadata["deinterlaced"] is True

        def combs(image):
            luma = image.mean(-1)
            return float(np.abs(luma[1:-1] - (luma[:-2] + luma[2:]) / 2).mean())

        assert combs(picture) < 0.15 * combs(stored)
        still = slice(120, None)  # where nothing moves, nothing may change
        assert np.abs(picture[:, still] - stored[:, still]).mean() < 2

    @pytest.mark.parametrize("timestamp", [0, 0.8])
    def test_interlaced_films_at_their_ends(self, taken, sample, timestamp):
        picture, _ = taken(sample("interlaced.mp4"), timestamp=timestamp)
        assert picture.shape == (120, 160, 3)

    def test_a_film_that_changes_its_size(self, taken, sample, distance):
        picture, _ = taken(sample("changing.ts"), timestamp=1.5)
        large = Image.fromarray(rgb(shown(sample("changing.ts"), 1.5)).astype(np.uint8))
        assert large.size == (320, 240)
        assert distance(picture, np.asarray(large.resize((160, 120), Image.Resampling.LANCZOS))) < 3

    @pytest.mark.parametrize(("fields", "size"), [({"width": 80}, (80, 60)), ({"height": 30}, (40, 30)),
                                                  ({"width": 99, "height": 30}, (40, 30)), ({"width": 999}, (160, 120)),
                                                  ({"width": 33}, (33, 25))])  # fmt: skip
    def test_sizes(self, taken, sample, distance, fields, size):
        picture, result = taken(sample("film.mp4"), timestamp=1, **fields)
        assert picture.shape == (size[1], size[0], 3)
        assert (result.outputs[0].width, result.outputs[0].height) == size
        whole = Image.fromarray(rgb(shown(sample("film.mp4"), 1.0)).astype(np.uint8))
        assert distance(picture, np.asarray(whole.resize(size, Image.Resampling.LANCZOS))) < 3

    @pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "avif"])
    def test_formats(self, done, sample, tmp_path, pixels, distance, suffix):
        path = sample("film.mp4")
        output = done(NAME, input=path, output=tmp_path / f"a.{suffix}", timestamp=1).outputs[0]
        assert output.format == {"jpg": "jpeg"}.get(suffix, suffix)
        with Image.open(output.path) as image:
            assert image.format.lower() == output.format
        assert distance(pixels(output.path), rgb(shown(path, 1.0))) < 6

    def test_quality(self, done, sample, tmp_path):
        low, high = (
            done(NAME, input=sample("film.mp4"), output=tmp_path / f"{quality}.jpg", timestamp=1, quality=quality)
            for quality in (20, 90)
        )
        assert low.outputs[0].size_bytes < high.outputs[0].size_bytes
        assert (low.outputs[0].quality, high.outputs[0].quality) == (20, 90)

    def test_inline(self, done, sample):
        result = done(NAME, input=sample("film.mp4"), inline=True, timestamp=1, format="png")
        data = result.outputs[0].data_base64
        with Image.open(io.BytesIO(data if isinstance(data, bytes) else base64.b64decode(data))) as image:
            assert image.size == (160, 120)


def black(width, height, _share):
    return np.zeros((height, width, 3), np.uint8)


def scene(width, height, share):
    rng = np.random.default_rng(7)
    coarse = rng.integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8)
    return np.roll(coarse.repeat(8, 0).repeat(8, 1), round(share * 40), 1)


class TestAuto:
    """The most telling frame."""

    @pytest.mark.parametrize("keyint", [5, 250])
    def test_black_is_never_taken_where_there_is_more(self, clip, taken, keyint):
        def paint(width, height, share):
            return scene(width, height, share) if 0.8 < share < 0.85 else black(width, height, share)

        options = {"x264-params": f"threads=1:keyint={keyint}:scenecut=0"}
        picture, result = taken(clip(paint, seconds=4.0, options=options))
        assert picture.std() > 40
        assert 3.2 <= result.outputs[0].timestamp < 3.4

    def test_one_frame_among_black_ones(self, clip, taken):
        def paint(width, height, share):
            return scene(width, height, share) if abs(share - 0.62) < 0.002 else black(width, height, share)

        picture, _ = taken(clip(paint, seconds=4.0, options={"x264-params": "threads=1:keyint=250:scenecut=0"}))
        assert picture.std() > 40

    @pytest.mark.parametrize("level", [0, 16, 128, 255])
    def test_plain_surfaces_are_taken_last(self, clip, taken, level):
        def paint(width, height, share):
            return scene(width, height, share) if 0.5 < share < 0.6 else np.full((height, width, 3), level, np.uint8)

        picture, _ = taken(clip(paint, seconds=4.0, options={"x264-params": "threads=1:keyint=10"}))
        assert picture.std() > 40

    def test_a_film_of_nothing_still_gives_a_frame(self, clip, taken):
        picture, result = taken(clip(black, seconds=1.0))
        assert picture.max() < 8
        assert result.outputs[0].score < 0.05

    def test_titles_at_the_start_count_for_less(self, clip, taken):
        def paint(width, height, share):
            image = scene(width, height, share)
            return image if share > 0.3 else np.where(image > 250, image, 20)

        _, result = taken(clip(paint, seconds=8.0, options={"x264-params": "threads=1:keyint=25"}))
        assert result.outputs[0].timestamp >= 2.4

    def test_a_sharp_frame_is_better_than_a_blurred_one(self, clip, taken):
        def paint(width, height, share):
            image = scene(width, height, 0)
            if 0.5 <= share < 0.7:
                return image
            small = Image.fromarray(image).resize((8, 6), Image.Resampling.BOX)
            return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))

        _, result = taken(clip(paint, seconds=6.0, options={"x264-params": "threads=1:keyint=10:scenecut=0"}))
        assert 3.0 <= result.outputs[0].timestamp < 4.2

    def test_it_is_the_default_and_can_be_named(self, done, sample, tmp_path):
        path = sample("film.mp4")
        told = [done(NAME, input=path, output=tmp_path / "a.jpg", **fields).outputs[0].timestamp
                for fields in ({}, {"timestamp": "auto"})]  # fmt: skip
        assert told[0] == told[1]

    @pytest.mark.parametrize("name", ["one-frame.mp4", "film.ts", "film.webm", "film.avi", "fragmented.mp4"])
    def test_in_other_containers(self, taken, sample, name):
        picture, _ = taken(sample(name))
        assert picture.std() > 20

    def test_skip_black(self, clip, done, tmp_path):
        def paint(width, height, share):
            return scene(width, height, share) if 0.5 <= share < 0.75 else black(width, height, share)

        path = clip(paint, seconds=4.0)
        result = done(NAME, input=path, output_dir=tmp_path, timestamps=[0.4, 2.5, 3.5], skip_black=True)
        assert [one.timestamp for one in result.outputs] == pytest.approx([2.0, 2.48, 3.48], abs=0.03)
        assert result.outputs[0].score > 0.2 > result.outputs[2].score
        plain = done(NAME, input=path, output=tmp_path / "a.png", timestamp=0.4)
        assert plain.outputs[0].timestamp == pytest.approx(0.4)


CUE = re.compile(r"(\d\d):(\d\d):(\d\d\.\d{3}) --> (\d\d):(\d\d):(\d\d\.\d{3})\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)\n?")


def cues(path):
    """Read a WebVTT file as players do."""
    text = Path(path).read_text("utf-8")
    assert text.startswith("WEBVTT\n\n")
    blocks = text.split("\n\n")[1:]
    found = []
    for block in blocks:
        match = CUE.fullmatch(block)
        assert match, block
        numbers = [float(one) for one in match.groups()[:6]]
        start, end = (hours * 3600 + minutes * 60 + seconds for hours, minutes, seconds in (numbers[:3], numbers[3:]))
        assert start < end
        found.append((start, end, urllib.parse.unquote(match[7]), tuple(int(one) for one in match.groups()[7:])))
    return found


class TestSheets:
    """Many tiles in one picture, and what says which is which."""

    @pytest.mark.parametrize(
        ("fields", "starts"),
        [
            ({"every": 0.5}, [0, 0.5, 1.0, 1.5]),
            ({"every": 0.6}, [0, 0.6, 1.2, 1.8]),
            ({"count": 5}, [0, 0.4, 0.8, 1.2, 1.6]),
            ({"timestamps": [1.5, 0.3, "50%"]}, [0, 1.0, 1.5]),
            ({"percentages": [0, 25, 75]}, [0, 0.5, 1.5]),
            ({}, [0, 1.0]),
        ],
    )
    def test_the_cues_cover_the_film(self, done, sample, tmp_path, fields, starts):
        result = done(NAME, input=sample("film.mp4"), output=tmp_path / "a b#1.png", sheet=True, columns=3, **fields)
        assert [Path(one.path).name for one in result.outputs] == ["a b#1.png", "a b#1.vtt"]
        found = cues(result.outputs[1].path)
        assert [one[0] for one in found] == pytest.approx(starts)
        assert [one[1] for one in found] == pytest.approx([*starts[1:], 2.0])
        assert {one[2] for one in found} == {"a b#1.png"}
        assert result.metadata["tiles"] == len(starts)

    def test_tiles_are_the_frames(self, done, sample, tmp_path, pixels, distance):
        path = sample("film.mp4")
        sheet = done(
            NAME, input=path, output_dir=tmp_path, sheet=True, count=7, columns=2, rows=2, width=80, format="png"
        )
        images, (vtt,) = sheet.outputs[:-1], sheet.outputs[-1:]
        assert [Path(one.path).name for one in sheet.outputs] == ["film-1.png", "film-2.png", "film.vtt"]
        assert [(one.width, one.height) for one in images] == [(160, 120), (160, 120)]
        assert sheet.metadata["sheets"] == 2
        singles = done(NAME, input=path, output_dir=tmp_path / "single", count=7, width=80, format="png")
        for (_, _, name, (left, top, width, height)), single in zip(cues(vtt.path), singles.outputs, strict=True):
            tile = pixels(tmp_path / name)[top : top + height, left : left + width]
            assert distance(tile, pixels(single.path)) == 0
        assert pixels(images[1].path)[60:, 80:].max() == 0  # the place that is left over

    def test_tiles_are_160_wide_where_nothing_is_said(self, done, sample, tmp_path):
        result = done(NAME, input=sample("changing.ts"), output=tmp_path / "a.jpg", sheet=True, count=3, columns=2)
        assert (result.outputs[0].width, result.outputs[0].height) == (320, 240)
        assert (result.metadata["tile_width"], result.metadata["tile_height"]) == (160, 120)

    def test_several_sheets_need_a_name_each(self, job, sample, tmp_path):
        result = job(NAME, input=sample("film.mp4"), output=tmp_path / "a.jpg", sheet=True, count=5, columns=2, rows=2)
        assert (result.error_info.code, result.error_info.field) == ("invalid_job", "output")

    def test_a_sheet_too_large_for_its_format(self, code, clip, tmp_path):
        path = clip(scene, seconds=0.2, size=(640, 480))
        fields = {"sheet": True, "count": 100, "columns": 100, "width": 640, "format": "webp"}
        assert code(NAME, input=path, output_dir=tmp_path, **fields) == "limit_exceeded"


class TestFiles:
    """What is no whole film."""

    @pytest.mark.parametrize("name", ["tagged.mp3", "tagged.flac", "tagged.m4a"])
    def test_a_sound_with_a_cover_gives_the_cover(self, taken, sample, name):
        picture, result = taken(sample(name))
        with Image.open(io.BytesIO(films.artwork())) as cover:
            assert np.abs(picture - np.asarray(cover.convert("RGB"), np.float64)).mean() < 2
        assert result.metadata["source"]["cover"] is True
        assert result.outputs[0].timestamp == 0

    @pytest.mark.parametrize("name", ["sound-only.mp4", "pink.wav", "photo.jpg", "list.mp4", "script.mp4",
                                      "session.mp4", "text.mp4", "empty.mp4"])  # fmt: skip
    def test_what_has_no_picture(self, code, sample, tmp_path, name):
        assert code(NAME, input=sample(name), output_dir=tmp_path / "out") == "unsupported_format"

    @pytest.mark.parametrize("name", ["no-index.mp4", "no-streams.mp4", "external.mov"])
    def test_what_cannot_be_decoded(self, code, sample, tmp_path, name):
        assert code(NAME, input=sample(name), output_dir=tmp_path / "out") == "corrupt_input"
        assert not list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True

    @pytest.mark.parametrize("name", ["cut.mp4", "cut.mkv"])
    def test_a_film_cut_short_gives_its_last_frame(self, taken, sample, distance, name):
        last, frame = frames_of_damaged(sample(name))[-1]
        picture, result = taken(sample(name), timestamp=1.9)
        assert result.outputs[0].timestamp == pytest.approx(last, abs=0.002)
        assert distance(picture, rgb(frame)) < 3
        assert result.metadata["damaged"]["missing_seconds"] == pytest.approx(1.9 - last - 0.04, abs=0.03)

    def test_a_film_that_is_whole_misses_nothing(self, taken, sample):
        for name in ("film.mp4", "film.mkv", "uneven.mp4", "one-frame.mp4"):
            _, result = taken(sample(name), timestamp="100%")
            assert "damaged" not in result.metadata

    def test_damage_is_counted_or_fatal(self, taken, code, sample, tmp_path):
        _, result = taken(sample("rotten.mp4"), timestamp=1.9)
        assert result.metadata["damaged"]["decode_errors"] > 0
        assert (
            code(NAME, input=sample("rotten.mp4"), output_dir=tmp_path, timestamp=1.9, strict=True) == "corrupt_input"
        )

    def test_limits(self, job, sample, tmp_path):
        result = job(NAME, {"max_pixels": 1000}, input=sample("film.mp4"), output=tmp_path / "a.jpg")
        assert result.error_info.code == "limit_exceeded"


def frames_of_damaged(path):
    found = []
    with av.open(str(path)) as container:
        for packet in container.demux(container.streams.video[0]):
            try:
                found += [(float(one.pts * one.time_base), one) for one in packet.decode()]
            except av.FFmpegError:
                continue
    return sorted(found, key=lambda one: one[0])


def test_alpha(done, tmp_path):
    path = tmp_path / "alpha.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "rgba"
        pixels = np.full((32, 32, 4), (255, 0, 0, 255), np.uint8)
        pixels[:, 16:, 3] = 0
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgba")))
        container.mux(stream.encode(None))
    done(NAME, input=path, output=tmp_path / "a.png", timestamp=0)
    done(NAME, input=path, output=tmp_path / "a.jpg", timestamp=0)
    with Image.open(tmp_path / "a.png") as image:
        assert image.getpixel((2, 2)) == (255, 0, 0, 255)
        assert image.getpixel((30, 2))[3] == 0
    with Image.open(tmp_path / "a.jpg") as image:
        assert min(image.getpixel((30, 16))) > 240


def test_the_example_runs(done, sample, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "film.mp4").symlink_to(sample("film.mp4"))
    fields = dict(video_thumbnail.EXAMPLE)
    result = done(fields.pop("operation"), **fields)
    assert [Path(one.path).name for one in result.outputs] == ["film-1.webp", "film-2.webp", "film-3.webp"]
    assert all(one.width == 160 for one in result.outputs)
