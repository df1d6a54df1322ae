"""Cuts of H.265 as another decoder than FFmpeg's sees them: libde265, where the machine has it."""

import ctypes
import ctypes.util

import av
import numpy as np
import pytest

from fixtures.samples import reels
from fixtures.samples.reels import Film, Picture

LIBRARY = ctypes.util.find_library("de265")


def decode(path):
    """Return the luma of a film's pictures, shape (height, width), and what the decoder warned of."""
    library = ctypes.CDLL(LIBRARY)
    pointer, number = ctypes.c_void_p, ctypes.c_int
    library.de265_new_decoder.restype = library.de265_get_next_picture.restype = pointer
    library.de265_get_image_plane.restype = pointer
    library.de265_get_image_plane.argtypes = [pointer, number, ctypes.POINTER(number)]
    library.de265_get_image_width.argtypes = library.de265_get_image_height.argtypes = [pointer, number]
    library.de265_push_NAL.argtypes = [pointer, ctypes.c_char_p, number, ctypes.c_int64, pointer]
    for name in ("get_next_picture", "get_warning", "flush_data", "push_end_of_frame", "free_decoder"):
        getattr(library, f"de265_{name}").argtypes = [pointer]
    library.de265_decode.argtypes = [pointer, ctypes.POINTER(number)]
    library.de265_get_error_text.restype = ctypes.c_char_p
    decoder = library.de265_new_decoder()
    for picture in units(path):
        for unit in picture:
            library.de265_push_NAL(decoder, unit, len(unit), 0, None)
        library.de265_push_end_of_frame(decoder)
    library.de265_flush_data(decoder)
    found, warned = [], []
    more, stride = number(1), number()
    while more.value:
        more.value = 0
        code = library.de265_decode(decoder, ctypes.byref(more))
        while code:
            warned.append(library.de265_get_error_text(code).decode())
            code = library.de265_get_warning(decoder)
        while picture := library.de265_get_next_picture(decoder):
            plane = library.de265_get_image_plane(picture, 0, ctypes.byref(stride))
            width, height = (getattr(library, f"de265_get_image_{side}")(picture, 0) for side in ("width", "height"))
            luma = np.frombuffer(ctypes.string_at(plane, stride.value * height), np.uint8)
            found.append(luma.reshape(height, -1)[:, :width].copy())
    library.de265_free_decoder(decoder)
    return found, warned


def units(path):
    """Yield a film's parameter sets, and its pictures' units."""
    with av.open(str(path)) as container:
        record = container.streams.video[0].codec_context.extradata
        sets, at = [], 23
        for _ in range(record[22]):
            count = int.from_bytes(record[at + 1 : at + 3], "big")
            found, at = cut(record, at + 3, count, 2)
            sets += found
        yield sets
        for packet in container.demux(video=0):
            if packet.size:
                yield cut(bytes(packet), 0, None, 4)[0]


def cut(data, at, count, size):
    """Return units that follow their lengths, and where they end."""
    found = []
    while len(found) != count if count is not None else at < len(data):
        length = int.from_bytes(data[at : at + size], "big")
        found.append(data[at + size : at + size + length])
        at += size + length
    return found, at


if LIBRARY:

    @pytest.mark.parametrize(
        "said", ["bframes=4:ref=4:b-pyramid=1", "bframes=3:ctu=16:slices=2:pools=1:wpp=1", "open-gop=0"]
    )
    @pytest.mark.parametrize(("start", "end"), [(0.5, 1.3), (0.47, 0.93), (0.9, None), (0.3, 1.22), (0.0, 0.7)])
    def test_both_decoders_show_the_same_pictures(done, tmp_path, said, start, end):
        path, part = tmp_path / "film.mp4", tmp_path / "part.mp4"
        base = "pools=none:frame-threads=1:log-level=error:keyint=10:min-keyint=10:scenecut=0:b-adapt=0"
        picture = Picture(codec="libx265", size=(208, 160), seconds=1.6, options={"x265-params": f"{base}:{said}"})
        path.write_bytes(reels.write(Film(picture=picture)))
        result = done("video_trim", input=path, output=part, start=start, **({"end": end} if end else {}))
        assert result.metadata["reencoded"] == "edges"
        shown, warned = decode(part)
        with av.open(str(part)) as container:
            wanted = [_luma(frame) for frame in container.decode(video=0)]
        assert warned == []
        assert len(shown) == len(wanted) == result.metadata["frames"]
        assert all(np.array_equal(one, other) for one, other in zip(shown, wanted, strict=True))


def _luma(frame):
    plane = frame.planes[0]
    return np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[:, : plane.width]
