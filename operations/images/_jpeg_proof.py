"""Proof that a JPEG is whole, from a decoder that hides what is broken.

What FFmpeg's decoder is given is never the file itself but what `rewritten` makes of it: the same coded picture in a
form in which it cannot come out right unless every byte of it was there.
"""

from mediamill.operations.images._jpeg_header import DHT, DQT, DRI, SOF0, SOS, DamagedJpeg, Header, segment

_MAX_STUFFED = 1_000_000
"""Coded bytes of 0xFF in a file: one in 400, with stock tables at quality 100 one in 35. Bounds time and memory."""

_VISIBLE_STEP = 16
"""A difference of dequantised DC that shows as two levels."""


def rewritten(data: bytes, header: Header) -> bytes:
    """Makes of a JPEG a THP picture that FFmpeg cannot decode to the end if the JPEG is damaged.

    THP is a variant of JPEG whose decoder reads unstuffed data as one run and goes on at the next whole byte where
    a restart is due. The picture is made one row of MCUs higher, a restart falls due after the real ones, and the
    data goes on with a row of flat MCUs and a step of brightness in the last. It is decoded to that only if the
    real MCUs ended within the last byte of their own data, neither before nor behind: what libjpeg's warnings of
    extraneous bytes and of a premature end are about. Impossible codes fail by themselves. Only the segments the
    decoder needs are there, so nothing in the others can mislead it.

    Args:
        data: The file `header` was read from.
        header: What `eligible` returned for it.

    Raises:
        DamagedJpeg: There is no end of image, a marker stands before it, or the row cannot be coded.
    """
    across, down = header.mcus
    rows = (down + 1) * header.mcu_size[1]
    planes = header.components
    frame = bytes((8, *rows.to_bytes(2), *header.width.to_bytes(2), len(planes)))
    scan = bytes((len(planes),))
    parts = [b"\xff\xd8", segment(DRI, (across * down).to_bytes(2))]
    for index, plane in enumerate(planes):
        frame += bytes((index + 1, plane.horizontal << 4 | plane.vertical, index))
        scan += bytes((index + 1, index << 4 | index))
        parts.append(segment(DQT, bytes((index,)) + plane.quantiser))
        parts.append(segment(DHT, bytes((index,)) + plane.dc.counts + plane.dc.symbols))
        parts.append(segment(DHT, bytes((0x10 | index,)) + plane.ac.counts + plane.ac.symbols))
    parts += segment(SOF0, frame), segment(SOS, scan + b"\x00\x3f\x00")
    return b"".join((*parts, *_unstuffed(data, header.entropy_start), _proving_row(header)))


def proving_step(header: Header) -> tuple[str, int]:
    """The bits of the least visible step of luma the file has a code for, and the step as dequantised DC.

    Raises:
        DamagedJpeg: It has none.
    """
    luma = header.components[0]
    for size in range(1, 11):
        step = luma.quantiser[0] << size - 1
        code = luma.dc.code(size)
        if step >= _VISIBLE_STEP and code is not None:
            return f"{code}1{'0' * (size - 1)}", step
    raise DamagedJpeg("the file has no code to prove it whole by")


def _proving_row(header: Header) -> bytes:
    flat, first = "", 0
    for plane in header.components:
        dc, ac = plane.dc.code(0), plane.ac.code(0)
        if dc is None or ac is None:
            raise DamagedJpeg("the file has no code to prove it whole by")
        flat += (dc + ac) * (plane.horizontal * plane.vertical)
        first = first or len(dc)
    bits = flat * (header.mcus[0] - 1) + proving_step(header)[0] + flat[first:]
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8)


def _unstuffed(data: bytes, start: int) -> list[bytes]:
    """The coded data in pieces, without the zero after each 0xFF; it has to end with an end of image."""
    pieces = []
    for _ in range(_MAX_STUFFED):
        at = data.find(0xFF, start)
        if data[at : at + 2] != b"\xff\x00":
            break
        pieces.append(data[start : at + 1])
        start = at + 2
    if data[at : at + 2] != b"\xff\xd9":
        raise DamagedJpeg("the coded picture has no end of image, or another marker before it")
    return [*pieces, data[start:at]]
