"""What colours look like, asked of a reader: it knows every colour space, function and coding that documents use.

Colours are painted onto a page of their own and read off again; their grey is the luma of what is seen.
"""

import io
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pikepdf

    Pixels = npt.NDArray[np.uint8]
    Values = npt.NDArray[np.float64]

WEIGHTS = (0.3, 0.59, 0.11)
"""Red, green and blue in grey, ISO 32000-1, 10.3.2."""

COMPONENTS = {
    "/DeviceGray": 1,
    "/CalGray": 1,
    "/DeviceRGB": 3,
    "/CalRGB": 3,
    "/G": 1,
    "/RGB": 3,
    "/DeviceCMYK": 4,
    "/CMYK": 4,
}
"""How many samples a pixel has in the colour spaces that are fully said by their name, and may be averaged in."""

STEPS = 256
"""How many colours of a shading are asked for."""

_CELL = 4
_COLUMNS = 64
_AT_ONCE = 4096
_IMAGE_KEYS = ("/Width", "/Height", "/BitsPerComponent", "/Filter", "/DecodeParms", "/Decode", "/ColorSpace")


def luma(pixels: "Pixels") -> "Values":
    """Return the greys, 0..255, of pixels in red, green and blue: shape (..., 3) becomes (...)."""
    import numpy as np

    greys: Values = pixels.astype(np.float64) @ np.array(WEIGHTS)
    return greys


class Colours:
    """Tells what colours of a document look like.

    What a document says about a colour is copied out of it; it is not changed.
    """

    def __init__(self, pdf: "pikepdf.Pdf") -> None:
        self._pdf = pdf
        self._known: dict[tuple[bytes, tuple[float, ...]], float] = {}

    def greys(self, space: Any, colours: Sequence[tuple[float, ...]]) -> list[float]:
        """Return the greys, 0..1, of colours.

        Args:
            space: Their colour space: a device's name, or an array.
            colours: Their components.
        """
        import pikepdf

        if space == pikepdf.Name.DeviceRGB:
            return [grey_of(colour) for colour in colours]
        key = space.unparse()
        missing = sorted({colour for colour in colours if (key, colour) not in self._known})
        for start in range(0, len(missing), _AT_ONCE):
            part = missing[start : start + _AT_ONCE]
            found = self._swatches(space, part)
            self._known.update(((key, colour), grey) for colour, grey in zip(part, found, strict=True))
        return [self._known[key, colour] for colour in colours]

    def _swatches(self, space: Any, colours: Sequence[tuple[float, ...]]) -> list[float]:
        rows = -(-len(colours) // _COLUMNS)
        content = ["/S cs"]
        for at, colour in enumerate(colours):
            x, y = at % _COLUMNS * _CELL, (rows - 1 - at // _COLUMNS) * _CELL
            content.append(f"{' '.join(f'{value:.6f}' for value in colour)} sc {x} {y} {_CELL} {_CELL} re f")
        page = self._page((_COLUMNS * _CELL, rows * _CELL), "\n".join(content), ColorSpace={"/S": space})
        cells = luma(page[_CELL // 2 :: _CELL, _CELL // 2 :: _CELL]) / 255
        return [float(grey) for grey in cells.ravel()[: len(colours)]]

    def steps(self, shading: Any) -> "Values":
        """Return the greys, 0..1, of a shading's functions of one variable at STEPS even places of their domain."""
        import pikepdf

        first, last = (float(edge) for edge in shading.get("/Domain", [0, 1]))
        # The reader works colours out at that many places, of which the last one is a step before the domain's end.
        beyond = first + (last - first) * STEPS / (STEPS - 1)
        axial = {
            "/ShadingType": 2,
            "/Coords": pikepdf.Array([-0.4, 0, STEPS - 1.4, 0]),
            "/Domain": pikepdf.Array([first, beyond]),
            "/Extend": pikepdf.Array([True, True]),
            "/ColorSpace": shading.ColorSpace,
            "/Function": shading.Function,
        }
        page = self._page((STEPS, 4), "/S sh", Shading={"/S": pikepdf.Dictionary(axial)})
        greys: Values = luma(page[2]) / 255
        return greys

    def picture(self, image: Any) -> "Pixels":
        """Return what a picture looks like pixel by pixel, without its masks: shape (height, width, 3).

        The copy that is painted for it is emptied again, so that it is no picture of the document.
        """
        import pikepdf

        size = int(image.Width), int(image.Height)
        alone = pikepdf.Stream(self._pdf, image.read_raw_bytes(), Type=pikepdf.Name.XObject)
        for key in _IMAGE_KEYS:
            if key in image:
                alone[key] = image[key]
        alone.Subtype = pikepdf.Name.Image
        content = f"{size[0]} 0 0 {size[1]} 0 0 cm /I Do"
        try:
            return self._page(size, content, XObject={"/I": self._pdf.make_indirect(alone)})
        finally:
            del alone.Subtype
            alone.write(b"")

    def _page(self, size: tuple[int, int], content: str, **resources: dict[str, Any]) -> "Pixels":
        """Return a page's pixels, one to a point, in red, green and blue."""
        import numpy as np
        import pikepdf
        import pypdfium2

        target = io.BytesIO()
        named = {f"/{kind}": pikepdf.Dictionary(things) for kind, things in resources.items()}
        with pikepdf.new() as pdf:
            pdf.add_blank_page()
            page = pdf.pages[0].obj
            page.MediaBox = pikepdf.Array([0, 0, *size])
            page.Resources = pdf.copy_foreign(self._pdf.make_indirect(pikepdf.Dictionary(named)))
            page.Contents = pikepdf.Stream(pdf, content.encode())
            pdf.save(target, compress_streams=False, stream_decode_level=pikepdf.StreamDecodeLevel.none)
        with closing(pypdfium2.PdfDocument(target.getvalue())) as document, closing(document[0]) as shown:
            seen = shown.render(scale=1, rev_byteorder=True).to_numpy()[:, :, :3]
            return np.ascontiguousarray(seen)


def grey_of(colour: Sequence[float]) -> float:
    """Return the grey, 0..1, of a colour in red, green and blue."""
    return sum(weight * min(1.0, max(0.0, value)) for weight, value in zip(WEIGHTS, colour, strict=True))
