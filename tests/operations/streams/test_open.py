import av
import pytest

from mediamill.operations.streams._open import packets


class Bits:
    """Reads a parameter set (ITU-T H.264, 7.3.2.1.1) bit by bit."""

    def __init__(self, data):
        self.text = "".join(f"{byte:08b}" for byte in data)
        self.at = 0

    def take(self, count):
        self.at += count
        return int(self.text[self.at - count : self.at], 2)

    def number(self):
        zeros = self.text.index("1", self.at) - self.at
        self.at += zeros
        return self.take(zeros + 1) - 1


def untold(unit):
    """Return x264's parameter set for constrained baseline to high without how far pictures are out of order."""
    bits = Bits(unit[1:].replace(b"\0\0\3", b"\0\0"))
    high = bits.take(24) >> 16 == 100
    bits.number()
    if high:
        [bits.number() for _ in range(3)]
        bits.take(2)
    bits.number()
    assert bits.number() == 0
    [bits.number() for _ in range(2)]
    bits.take(1)
    [bits.number() for _ in range(2)]
    assert bits.take(1) == 1  # frames only
    bits.take(1)
    assert bits.take(1) == 0  # nothing cut off
    assert bits.take(1) == 1  # what follows is there at all
    if bits.take(1):
        assert bits.take(8) == 1  # square
    assert bits.take(1) == 0
    if bits.take(1):
        bits.take(4)
        if bits.take(1):
            bits.take(24)
    if bits.take(1):
        [bits.number() for _ in range(2)]
    if bits.take(1):
        bits.take(65)
    assert bits.take(3) == 0
    assert bits.take(1) == 1
    made = bits.text[: bits.at - 1] + "01"
    made += "0" * (-len(made) % 8)
    data = int(made, 2).to_bytes(len(made) // 8, "big")
    for low in (0, 1, 2, 3):
        data = data.replace(bytes((0, 0, low)), bytes((0, 0, 3, low)))
    return unit[:1] + data


@pytest.fixture
def fragmented(tmp_path):
    """Return a fragmented film whose headers do not say how far its pictures are out of order."""
    whole, path = tmp_path / "whole.mp4", tmp_path / "fragmented.mp4"
    options = {"preset": "medium", "bf": "8", "x264-params": "b-pyramid=normal:scenecut=0:b-adapt=0"}
    with av.open(str(whole), "w") as target:
        stream = target.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 160, 128, "yuv420p"
        for index in range(50):
            frame = av.VideoFrame(160, 128, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes((index * 4 + at * 7) % 200 + 20 for at in range(plane.buffer_size)))
            frame.pts = index
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    moving = {"movflags": "frag_keyframe+empty_moov"}
    with av.open(str(whole)) as source, av.open(str(path), "w", options=moving) as target:
        (stream,) = source.streams.video
        head = bytes(stream.codec_context.extradata)
        size = int.from_bytes(head[6:8], "big")
        unit = untold(head[8 : 8 + size])
        made = target.add_stream_from_template(stream, opaque=True)
        made.codec_context.extradata = head[:6] + len(unit).to_bytes(2, "big") + unit + head[8 + size :]
        for packet in source.demux(stream):
            if packet.size:
                packet.stream = made
                target.mux(packet)
    return path


def test_no_picture_is_lost_where_no_header_tells_their_order(done, fragmented, tmp_path):
    with av.open(str(fragmented)) as container:
        assert container.streams.video[0].frames == 0
        assert sum(1 for _ in container.decode(video=0)) == 50
    with av.open(str(fragmented), options={"skip_frame": "all"}) as container:  # the trap
        assert sum(1 for _ in container.decode(video=0)) < 50
    done("video_transcode", input=fragmented, output=tmp_path / "a.mp4", preset="ultrafast", skip_if_larger=False)
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 50


class Growing:
    """A container in which a stream appeared that PyAV does not know when it comes to end it."""

    def demux(self, *streams):
        yield from ("first", "last")
        raise IndexError("list index out of range")


def test_streams_that_appear_on_the_way_end_nothing_early():
    assert list(packets(Growing())) == ["first", "last"]
