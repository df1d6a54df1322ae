"""Candidates for `srcset`: which sizes of a picture a page offers, and the markup that lets a browser choose.

Browsers choose by the descriptors: `w` is a candidate's width in pixels, weighed against `sizes` and the density of the
screen; `x` is a density, for a picture that has one width on the page. The two do not mix, and no two candidates may
have the same one (HTML, "Images", 4.8.4.2.1).
"""

from collections.abc import Sequence

from msgspec import Struct

from mediamill.operations.images._geometry import Fit, Size, fit
from mediamill.operations.images._html import MIME_TYPES, element
from mediamill.operations.images._params import Format

BEST_FIRST: tuple[Format, ...] = ("avif", "webp", "jpeg", "png", "gif")
"""Formats in the order in which a browser is to try them; the last of a job's is the one every browser gets."""


class Candidate(Struct, frozen=True):
    """One size of the picture.

    Attributes:
        fit: Its geometry.
        width: The width it is named by, in CSS pixels.
        density: Pixels a CSS pixel at that width.
    """

    fit: Fit
    width: int
    density: float

    @property
    def suffix(self) -> str:
        """What a file's name says of the density: nothing for 1."""
        return "" if self.density == 1 else f"-{self.density:g}x"


class Offer(Struct, frozen=True):
    """All sizes of a picture, and the box they are shown in.

    Attributes:
        candidates: Each width in pixels once.
        box: Width and height of the largest in CSS pixels.
        fixed: Whether the picture has one width on the page, so that candidates are told apart by density.
        capped: Whether one is smaller than asked for because the picture is too small.
    """

    candidates: tuple[Candidate, ...]
    box: Size
    fixed: bool
    capped: bool

    def descriptor(self, candidate: Candidate) -> str:
        """Return what tells a candidate from the others."""
        pixels = candidate.fit.size[0]
        return f"{round(pixels / self.box[0], 3):g}x" if self.fixed else f"{pixels}w"

    @property
    def default(self) -> Candidate:
        """The one for browsers that do not choose: the smallest that fills the box, else the largest."""
        ordered = sorted(self.candidates, key=lambda one: one.fit.size[0])
        return next((one for one in ordered if one.fit.size[0] >= self.box[0]), ordered[-1])

    @property
    def sizes(self) -> str:
        """How wide the picture is shown where the page does not say: as wide as the window, up to its box."""
        return f"(max-width: {self.box[0]}px) 100vw, {self.box[0]}px"


def offer(source: Size, widths: Sequence[int], densities: Sequence[float], *, vector: bool, fluid: bool) -> Offer:
    """Work out the sizes of a picture.

    A width in pixels that several combinations come to is made once, and named by the lowest density. What the picture
    is too small for is made in its own width, once.

    Args:
        source: The upright picture.
        widths: In CSS pixels.
        densities: Pixels a CSS pixel.
        vector: Whether the picture may grow.
        fluid: Whether the page says how wide the picture is shown, so that one width, too, has to be weighed.
    """
    found: dict[int, Candidate] = {}
    capped = False
    for density in sorted(set(densities)):
        for width in dict.fromkeys(widths):
            one, small = fit(source, max(1, round(width * density)), None, upscale=vector)
            capped = capped or small
            named = Candidate(one, one.size[0], 1.0) if small else Candidate(one, width, density)
            found.setdefault(one.size[0], named)
    box, _ = fit(source, max(widths), None, upscale=vector)
    return Offer(tuple(found.values()), box.size, fixed=len(set(widths)) == 1 and not fluid, capped=capped)


def srcset_of(offered: Offer, urls: Sequence[str]) -> str:
    """Return the value of a `srcset` attribute, the smallest candidate first; URLs are in the candidates' order."""
    pairs = sorted(zip(offered.candidates, urls, strict=True), key=lambda pair: pair[0].fit.size[0])
    return ", ".join(f"{url} {offered.descriptor(candidate)}" for candidate, url in pairs)


def markup(offered: Offer, srcsets: dict[Format, str], src: str, sizes: str, attributes: dict[str, str | None]) -> str:
    """Return `<img>`, or `<picture>` with the best format first where there are several.

    Args:
        offered: The sizes.
        srcsets: Each format's, best first.
        src: The URL for browsers that do not choose, in the last of the formats.
        sizes: How wide the picture is shown; of no use where its width is fixed.
        attributes: Further ones of the image.
    """
    weighed = None if offered.fixed else sizes
    *better, last = srcsets
    several = len(offered.candidates) > 1
    image = element(
        "img",
        {
            "src": src,
            "srcset": srcsets[last] if several else None,
            "sizes": weighed if several else None,
            "width": offered.box[0],
            "height": offered.box[1],
            **attributes,
        },
    )
    if not better:
        return image
    sources = (
        element("source", {"type": MIME_TYPES[name], "srcset": srcsets[name], "sizes": weighed}) for name in better
    )
    return "\n".join(["<picture>", *(f"  {line}" for line in (*sources, image)), "</picture>"])
