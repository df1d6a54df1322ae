"""Which qualities of an encoder make different files: the steps there really are."""

import functools
import random
from collections.abc import Hashable

from mediamill.operations.images._encode import Encoding, encode
from mediamill.operations.images._params import Chroma
from mediamill.operations.images._vips import vips

_SIDE = 16


def step(code: Encoding, quality: int) -> Hashable:
    """Return what two qualities of a still share where a format makes the same file of them.

    AV1 has fewer quantizers than there are qualities, and how those are spread over them differs by the encoder's
    version. So a small patch of noise is coded, once in a process, at a millisecond each.
    """
    return _patch(code.chroma, quality) if code.format == "avif" else quality


@functools.cache
def _patch(chroma: Chroma, quality: int) -> bytes:
    noise = random.Random(1).randbytes(_SIDE * _SIDE * 3)
    image = vips().Image.new_from_memory(noise, _SIDE, _SIDE, 3, "uchar").copy(interpretation="srgb")
    return encode(image, Encoding(format="avif", quality=quality, effort=0, chroma=chroma, metadata="none"))
