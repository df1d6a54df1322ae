import av
import numpy as np
import pytest

from mediamill.engine.context import JobContext
from mediamill.operations.images._ssimulacra2 import Reference
from mediamill.operations.images._vips import vips
from mediamill.operations.video._sink import Sink
from mediamill.protocol.errors import EncodeFailed

CODINGS = [("h264", "mp4"), ("h265", "mp4"), ("av1", "mp4"), ("vp9", "webm"), ("vp8", "webm")]


@pytest.fixture
def matched(done, tmp_path):
    """Return a function that makes a film of a score, quickly, and returns its metadata and its file."""

    def run(source, target, suffix="mp4", **fields):
        output = tmp_path / f"out.{suffix}"
        fields = {"preset": "veryfast", "skip_if_larger": False, "overwrite": "replace"} | fields
        result = done("video_transcode", input=source, output=output, target_score=target, **fields)
        return result.metadata, output

    return run


def pictures(path):
    with av.open(str(path)) as film:
        graph = av.filter.Graph()
        # Without these flags colours are rounded and repeated coarsely, which scores as damage.
        flags = "bicubic+accurate_rnd+full_chroma_inp+full_chroma_int"
        graph.link_nodes(
            graph.add_buffer(template=film.streams.video[0]),
            graph.add("scale", f"flags={flags}"),
            graph.add("format", "rgb24"),
            graph.add("buffersink"),
        ).configure()
        for frame in film.decode(video=0):
            graph.push(frame)
            pixels = np.ascontiguousarray(graph.pull().to_ndarray())
            height, width, _ = pixels.shape
            image = vips().Image.new_from_memory(pixels.tobytes(), width, height, 3, "uchar")
            yield image.copy(interpretation="srgb")


def likeness(source, made):
    """Return the mean score of all frames, each held against the one of the same number."""
    return np.mean([Reference(one).score(other) for one, other in zip(pictures(source), pictures(made), strict=True)])


@pytest.mark.parametrize(("codec", "suffix"), CODINGS)
def test_scores_are_reached_and_said_as_they_are(matched, reel, codec, suffix):
    told, path = matched(reel("pan", 2.0), 65, suffix, codec=codec)
    assert (told["verdict"], told["converged"], told["target_score"]) == ("reached", True, 65)
    assert 65 <= told["score"] <= 72
    assert told["lowest_score"] <= told["score"]
    assert told["score"] == pytest.approx(likeness(reel("pan", 2.0), path), abs=2.5)
    assert 1 <= told["encodes"] <= 6
    assert (told["samples"], told["codec"]) == (0, codec)
    assert 8 < told["frames_scored"] <= 36
    with av.open(str(path)) as film:
        assert sum(1 for _ in film.decode(video=0)) == told["frames"] == 50
        assert len(film.streams.audio) == 1


def test_the_film_is_the_smallest_of_its_score(done, matched, reel, tmp_path):
    source = reel("cuts", 2.0)
    told, path = matched(source, 70)
    done("video_transcode", input=source, output=tmp_path / "more.mp4", crf=told["crf"] + 1, preset="veryfast",
         skip_if_larger=False)  # fmt: skip
    assert (tmp_path / "more.mp4").stat().st_size < path.stat().st_size
    assert likeness(source, tmp_path / "more.mp4") < likeness(source, path)
    assert likeness(source, tmp_path / "more.mp4") < 71


def test_higher_scores_cost_more(matched, reel):
    sizes = [matched(reel("cuts", 2.0), target)[1].stat().st_size for target in (0, 50, 85)]
    assert sizes == sorted(set(sizes))


def test_what_cannot_be_is_said(matched, reel):
    told, path = matched(reel("cuts", 2.0), 100)
    assert (told["verdict"], told["converged"]) == ("unreachable", False)
    assert f"the film scores {told['score']:.2f}." in told["reason"]
    assert told["crf"] == 6
    assert told["score"] == pytest.approx(likeness(reel("cuts", 2.0), path), abs=1)


def test_parts_of_a_longer_film_are_tried_first(matched, reel, scratch):
    told, path = matched(reel("cuts", 34.0), 70, preset="ultrafast")
    assert told["verdict"] == "reached"
    assert 1 <= told["samples"] <= 5
    assert 1 <= told["encodes"] <= 3
    assert told["score"] == pytest.approx(likeness(reel("cuts", 34.0), path), abs=2.5)
    assert list(scratch.iterdir()) == []


def test_progress_says_what_is_being_tried(matched, reel, monkeypatch):
    said = []

    def told(self, percent, message=None, **stages):
        said.append((percent, message))

    monkeypatch.setattr(JobContext, "progress", told)
    result, _ = matched(reel("cuts", 34.0), 70, preset="ultrafast")
    names = list(dict.fromkeys(message.partition(" at crf ")[0] for _, message in said if message))
    assert names[:4] == [f"Part {number} of 4" for number in (1, 2, 3, 4)]
    assert names[-1] == "Film"
    assert f"Film at crf {result['crf']:g}: " in " ".join(message for _, message in said if message)
    shares = [percent for percent, _ in said]
    assert shares == sorted(shares)


def test_parts_are_removed_where_one_fails(job, reel, tmp_path, scratch, monkeypatch):
    def failing(self):
        raise EncodeFailed("The encoder gave up.")

    monkeypatch.setattr(Sink, "finish", failing)
    result = job("video_transcode", input=reel("cuts", 34.0), output=tmp_path / "o.mp4", target_score=70,
                 preset="ultrafast")  # fmt: skip
    assert result.error_info.code == "encode_failed"
    assert list(scratch.iterdir()) == []
    assert not (tmp_path / "o.mp4").exists()


@pytest.mark.parametrize(("name", "fields"), [
    ("uneven.mp4", {}), ("uneven.mp4", {"fps": 10}), ("turned-90.mp4", {}), ("turned-270-mirrored.mp4", {}),
    ("wide-pixels.mp4", {}), ("odd.mp4", {}), ("interlaced.mp4", {}), ("full-range.mp4", {}), ("bt601.mp4", {}),
    ("hdr10.mp4", {}), ("hdr10.mp4", {"codec": "h265"}), ("hlg.mp4", {}), ("ten-bit.mp4", {"codec": "h265"}),
    ("one-frame.mp4", {}), ("edited.mp4", {}), ("late-picture.mp4", {}), ("late-picture.mp4", {"format": "mkv"}),
    ("film.ts", {}), ("film.mp4", {"max_width": 60}), ("fragmented.mp4", {"format": "mkv"}),
], ids=str)  # fmt: skip
def test_frames_are_held_against_their_own(matched, sample, name, fields):
    told, _ = matched(sample(name), 80, fields.get("format", "mp4"), **fields)
    assert told["verdict"] == "reached", told
    assert 80 <= told["score"] < 100


def test_the_source_is_given_back_where_it_is_smaller(done, matched, reel, tmp_path):
    source = tmp_path / "small.mp4"
    done("video_transcode", input=reel("cuts", 2.0), output=source, crf=36, preset="veryfast")
    told, path = matched(source, 90, skip_if_larger=True)
    assert told.get("skipped"), (told, path.stat().st_size, source.stat().st_size)
    assert (told["verdict"], told["score"], told["copied"]) == ("reached", 100.0, True)
    assert "frames_scored" not in told
    assert path.read_bytes() == source.read_bytes()


def test_a_dry_run_says_what_would_be(done, reel, tmp_path):
    result = done("video_transcode", input=reel("cuts", 2.0), output=tmp_path / "o.mp4", target_score=70, dry_run=True)
    assert (result.outputs[0].width, result.outputs[0].height) == (160, 120)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fields", [{"crf": 30}, {"bitrate": "1M"}, {"quality": "low"}, {"target_size": "1M"}])
def test_a_score_goes_with_no_other_measure(job, reel, tmp_path, fields):
    result = job("video_transcode", input=reel("cuts", 2.0), output=tmp_path / "o.mp4", target_score=70, **fields)
    assert (result.error_info.code, result.error_info.field) == ("invalid_job", "target_score")


@pytest.mark.parametrize("value", [-0.1, 100.1, "high", True])
def test_what_is_no_score_is_refused(code, reel, tmp_path, value):
    assert (
        code("video_transcode", input=reel("cuts", 2.0), output=tmp_path / "o.mp4", target_score=value) == "invalid_job"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_film_is_judged_by_what_can_be_read(done, job, reel, tmp_path):
    data = reel("cuts", 34.0).read_bytes()
    middle = len(data) // 2
    path = tmp_path / "rotten.mp4"
    path.write_bytes(data[:middle] + bytes(3000) + data[middle + 3000 :])
    fields = {"input": path, "output": tmp_path / "o.mp4", "target_score": 60, "preset": "ultrafast"}
    told = done("video_transcode", skip_if_larger=False, **fields).metadata
    assert told["verdict"] == "reached"
    assert told["damaged"]["decode_errors"] > 0
    assert job("video_transcode", strict=True, overwrite="replace", **fields).error_info.code == "corrupt_input"
