"""Pictures in colour made grey: by their palette where they have one, else pixel by pixel as a reader shows them."""

import io
import zlib
from typing import TYPE_CHECKING, Any

from mediamill.operations.documents import _filters
from mediamill.operations.documents._colours import Colours, luma
from mediamill.operations.documents._grey_spaces import resolve

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pikepdf

    Pixels = npt.NDArray[np.uint8]

_JPX = "/JPXDecode"
_QUICK = 6
_NEAR = 3.0
"""How far a JPEG's own luma may be from what readers show, in the mean of any block, to be taken for it."""

_BLOCK = 8
_LAST_INDEX = 255


class Kept(Exception):
    """A picture cannot be made grey; says why."""


def convert(pdf: "pikepdf.Pdf", image: Any, colours: Colours, max_pixels: int) -> bool:
    """Make a picture grey; return whether it was not.

    Args:
        pdf: The document.
        image: The picture's stream, changed in place.
        colours: Of its document.
        max_pixels: Above which it is not decoded.

    Raises:
        Kept: It stays as it is.
    """
    import pikepdf

    space = image.get("/ColorSpace")
    resolved = resolve(space, None)
    is_jpx = bool(filters := _filters.chain(image)) and filters[-1][0] == _JPX
    if image.get("/ImageMask", False) is True or resolved.kind == "grey" or "/F" in image:
        return False
    if resolved.kind != "colour" and not (space is None and is_jpx):
        raise Kept("pictures of colour spaces that are not known")
    if int(image.Width) * int(image.Height) > max_pixels:
        raise Kept("pictures of too many pixels")
    if image.get("/SMaskInData", 0):
        raise Kept("pictures with transparency inside of JPEG 2000")
    if isinstance(space, pikepdf.Array) and str(space[0]) in ("/Indexed", "/I") and not is_jpx:
        _palette(image, space, colours)
        return True
    key = _stencil(pdf, image, resolved.components) if isinstance(image.get("/Mask"), pikepdf.Array) else None
    shown = colours.picture(image)
    if space is None and (shown == shown[:, :, :1]).all():
        return False
    if _is_blended(image):
        shown, filters = _unblended(image, shown, colours), []
    _write(image, shown, filters)
    if key is not None:
        image.Mask = pdf.make_indirect(key)
    return True


def _palette(image: Any, space: Any, colours: Colours) -> None:
    """Give the colours of a palette their greys; the pixels stay what they are."""
    import pikepdf

    highest = int(space[2])
    if not 0 <= highest <= _LAST_INDEX:
        raise Kept("pictures whose palette cannot be read")
    greys = colours.greys(space, [(float(index),) for index in range(highest + 1)])
    table = bytes(round(255 * grey) for grey in greys)
    image.ColorSpace = pikepdf.Array([pikepdf.Name.Indexed, pikepdf.Name.DeviceGray, highest, pikepdf.String(table)])


def _is_blended(image: Any) -> bool:
    import pikepdf

    mask = image.get("/SMask")
    return isinstance(mask, pikepdf.Stream) and "/Matte" in mask


def _unblended(image: Any, shown: "Pixels", colours: Colours) -> "Pixels":
    """Return a picture's own colours, before they were blended with the matte colour of its soft mask (11.6.5.3)."""
    import numpy as np
    import pikepdf

    mask = image.SMask
    if image.ColorSpace != pikepdf.Name.DeviceRGB or (mask.Width, mask.Height) != (image.Width, image.Height):
        raise Kept("pictures blended with a matte colour that is not red, green and blue")
    matte = np.array([255 * float(value) for value in mask.Matte])
    alpha = colours.picture(mask)[:, :, :1] / 255
    own = np.where(alpha > 0, matte + (shown - matte) / np.maximum(alpha, 1 / 255), shown)
    del mask.Matte
    unblended: Pixels = np.rint(own.clip(0, 255)).astype(np.uint8)
    return unblended


def _stencil(pdf: "pikepdf.Pdf", image: Any, components: int) -> Any:
    """Return the stencil that hides the pixels a colour key hides: greys no longer tell colours apart."""
    import numpy as np
    import pikepdf

    width, height = int(image.Width), int(image.Height)
    size = width * height * components
    data = _filters.decoded(image, size + 4096)
    ranges = [int(edge) for edge in image.Mask]
    if data is None or len(data) < size or image.BitsPerComponent != 8 or len(ranges) != 2 * components:
        raise Kept("pictures whose transparent colour is told by samples that cannot be read")
    samples = np.frombuffer(data, np.uint8, size).reshape(height, width, components)
    hidden = np.ones((height, width), bool)
    for at in range(components):
        hidden &= (samples[:, :, at] >= ranges[2 * at]) & (samples[:, :, at] <= ranges[2 * at + 1])
    rows = zlib.compress(np.packbits(hidden, axis=1).tobytes(), _QUICK)
    stencil = pikepdf.Stream(pdf, rows, Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image)
    stencil.Filter, stencil.ImageMask, stencil.BitsPerComponent = pikepdf.Name.FlateDecode, True, 1
    stencil.Width, stencil.Height = width, height
    return stencil


def _write(image: Any, shown: "Pixels", filters: list[tuple[str, dict[str, Any]]]) -> None:
    import numpy as np
    import pikepdf

    greys = np.rint(luma(shown)).astype(np.uint8)
    jpeg = None
    if filters and filters[-1][0] == _filters.DCT:
        data = _filters.unwrapped(image.read_raw_bytes(), filters, 4 * shown.size + (1 << 20))
        jpeg = _jpeg(data, greys) if data is not None else None
    if jpeg is not None:
        image.write(jpeg, filter=pikepdf.Name.DCTDecode)
    else:
        image.write(flate(greys), filter=pikepdf.Name.FlateDecode)
    image.ColorSpace, image.BitsPerComponent = pikepdf.Name.DeviceGray, 8
    for key in ("/Decode", "/Intent", "/Alternates", "/OPI"):
        if key in image:
            del image[key]


def flate(greys: "Pixels") -> bytes:
    """Return grey pixels deflated, as they are."""
    return zlib.compress(greys.tobytes(), _QUICK)


def _jpeg(data: bytes, greys: "Pixels") -> bytes | None:
    """Code a JPEG's greys with the very steps its luma was quantised in: its own luma comes back unchanged.

    Where its luma is not what readers show (another colour space, CMYK, samples turned round), what they show is coded.
    """
    import numpy as np
    from PIL import Image

    target = io.BytesIO()
    try:
        with Image.open(io.BytesIO(data)) as opened:
            picture: Any = opened
            steps = picture.quantization[0]
            if picture.mode == "RGB":
                picture.draft("L", picture.size)
                own = np.asarray(picture) if picture.mode == "L" else greys[:0]
                if own.shape == greys.shape and _farthest(own, greys) < _NEAR:
                    greys = own
    except (OSError, ValueError, SyntaxError, KeyError):
        return None
    Image.fromarray(greys).save(target, "JPEG", qtables=[steps], optimize=True)
    return target.getvalue()


def _farthest(one: "Pixels", other: "Pixels") -> float:
    """Return how far the means of two pictures' blocks are apart at most."""
    import numpy as np

    apart = one.astype(np.float32) - other
    rows, columns = (np.arange(0, side, _BLOCK) for side in one.shape)
    sums = np.add.reduceat(np.add.reduceat(apart, rows, axis=0), columns, axis=1)
    ones = np.outer(np.diff(rows, append=one.shape[0]), np.diff(columns, append=one.shape[1]))
    return float(np.abs(sums / ones).max())
