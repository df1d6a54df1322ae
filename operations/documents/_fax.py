"""Fax data of group 4, ITU-T T.6, read: as a TIFF file made around them."""

import io
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]


def samples(data: bytes, parms: dict[str, Any], width: int, height: int) -> "Pixels | None":
    """Return the samples that fax data of group 4 stand for; None where they are of another kind, or damaged.

    Args:
        data: As a stream has them.
        parms: Of the filter CCITTFaxDecode.
        width: Pixels.
        height: Pixels.

    Returns:
        Shape (height, width), 0 and 1 as PDF means them.
    """
    import numpy as np
    from PIL import Image

    k, columns = int(parms.get("/K", 0)), int(parms.get("/Columns", 1728))
    odd = any(parms.get(key) for key in ("/EncodedByteAlign", "/EndOfLine"))
    if k >= 0 or odd or columns != width or not parms.get("/EndOfBlock", True):
        return None
    entries = [
        (256, 4, width), (257, 4, height), (258, 3, 1), (259, 3, 4), (262, 3, 1), (273, 4, 8),
        (277, 3, 1), (278, 4, height), (279, 4, len(data)),
    ]  # fmt: skip
    at = 8 + len(data)
    directory = struct.pack("<H", len(entries))
    for tag, kind, value in entries:
        directory += struct.pack("<HHII" if kind == 4 else "<HHIHxx", tag, kind, 1, value)
    head = struct.pack("<2sHI", b"II", 42, at)
    try:
        with Image.open(io.BytesIO(head + data + directory + bytes(4))) as picture:
            black = np.asarray(picture.convert("L")) >= 128  # as TIFF has it: 1 where the fax has ink
    except (OSError, ValueError, SyntaxError):
        return None
    ink: Pixels = black.astype(np.uint8)
    return ink if parms.get("/BlackIs1", False) else 1 - ink
