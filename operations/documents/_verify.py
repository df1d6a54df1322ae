"""Documents held against what they were made from: reopened, counted, read and looked at, page by page.

Another reader than the one that wrote them does it. Pages are rendered small: what goes wrong with pictures (turned
negative, gone, shifted, in another colour) shows in the mean of any block of pixels, what is lost in quality in the
structural similarity, and what is wrong with a part of a picture only in the means of wider patches, which coding and
resampling hardly move.
"""

import math
from collections.abc import Callable, Collection, Iterable
from contextlib import closing
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from mediamill.operations.documents._colours import WEIGHTS
from mediamill.operations.documents._cost import Costs, are_notes_heavy
from mediamill.operations.documents._frame import frame_of
from mediamill.operations.documents._likeness import Likeness, luma_of
from mediamill.operations.documents._open import open_pdf
from mediamill.operations.images._vips import vips
from mediamill.protocol.errors import MediaError

if TYPE_CHECKING:
    import pyvips

Mode = Literal["off", "sample", "all"]

_SAMPLED = 8
"""The most pages of a sample; where it is known what changed, the square root of their number is enough."""

_SIDE = 640
_WINDOW, _STEP = 8, 2
"""Side of the windows that are compared, and how far each is from the next; overlapping as they do, none of what
fills a window falls between two."""

_PATCH, _STRIDE = 32, 8
"""The same of patches."""


class Tolerance(Struct, frozen=True):
    """How far a rendered page may be from the one it was made from.

    Attributes:
        similarity: The least mean structural similarity, 0..1.
        block: The most the mean of a block of 8x8 pixels may differ, 0..255.
        patch: The most that of a patch of 32x32 pixels may.
        dpi: Resolution at which pages are compared at most: what pictures are to keep.
    """

    similarity: float = 1.0
    block: float = 0.0
    patch: float = 0.0
    dpi: int = 144


class Verdict(Struct, frozen=True):
    """What was found.

    Attributes:
        reason: What differs too much, None where nothing does.
        pages: How many pages were rendered.
        similarity: The least structural similarity of a page; 1 where all are identical.
        seen: Whether pages were looked at and read, and are not the same.
    """

    reason: str | None
    pages: int = 0
    similarity: float = 1.0
    seen: bool = False


def compare(
    before: bytes,
    after: bytes,
    *,
    password: str,
    mode: Mode,
    tolerance: Tolerance,
    check: Callable[[], None],
    changed: Collection[int] = (),
    always: Iterable[int] = (),
    grey: bool = False,
) -> Verdict:
    """Say whether a document may stand for another.

    Args:
        before: The one.
        after: What was made from it.
        password: Opens both.
        mode: Which pages are rendered and read; `off` reopens the document and counts its pages.
        tolerance: How far pages may differ.
        check: Called between pages; raises where the job is to stop.
        changed: Pages that show every kind of change there is; they come first in a sample.
        always: Pages that are in every sample.
        grey: Whether the pages' greys are compared, instead of their colours.
    """
    import pypdfium2

    try:
        told = _looked_into(before, after, password, mode, changed, always, check)
    except MediaError as error:
        return Verdict(f"it does not open again: {error.message}")
    if isinstance(told, str):
        return Verdict(told)
    if not told:
        return Verdict(None)
    try:
        with (
            closing(pypdfium2.PdfDocument(before, password=password or None)) as one,
            closing(pypdfium2.PdfDocument(after, password=password or None)) as other,
        ):
            return _compare_pages(one, other, [at for at in told if at < len(one)], tolerance, check, grey=grey)
    except pypdfium2.PdfiumError as error:
        return Verdict(f"it cannot be rendered: {error}")


def _looked_into(
    before: bytes,
    after: bytes,
    password: str,
    mode: Mode,
    changed: Collection[int],
    always: Iterable[int],
    check: Callable[[], None],
) -> list[int] | str:
    """Return the pages to be rendered, or why one document cannot stand for the other, or none of them be rendered.

    They are opened one after the other and left to nobody: each takes memory.
    """
    with open_pdf(after, password) as pdf:
        made = frame_of(pdf)
    del pdf
    with open_pdf(before, password) as pdf:
        if (lost := frame_of(pdf).lost(made)) is not None:
            return lost
        numbers, costs = _numbers(made.pages, mode, changed, always) if mode != "off" else [], Costs()
        if numbers and are_notes_heavy(pdf):
            return "its metadata ask too much of whoever reads them"
        for number in numbers:
            check()
            if costs.too_much(pdf.pages[number]):
                return f"page {number + 1} asks too much of whoever renders it"
    return numbers


def _compare_pages(
    one: Any,
    other: Any,
    numbers: list[int],
    tolerance: Tolerance,
    check: Callable[[], None],
    *,
    grey: bool,
) -> Verdict:
    if len(one) != len(other):
        return Verdict(f"it has {len(other)} pages instead of {len(one)}")
    worst = 1.0
    for index, number in enumerate(numbers):
        check()
        with closing(one[number]) as left, closing(other[number]) as right:
            if _text(left) != _text(right):
                return Verdict(f"the text of page {number + 1} is not the same", index + 1, worst, seen=True)
            rendered, made = _render(left, tolerance.dpi), _render(right, tolerance.dpi)
        found = Difference() if rendered == made else _difference(rendered, made, grey=grey)
        worst = min(worst, found.similarity)
        if found.exceeds(tolerance):
            return Verdict(f"page {number + 1} does not look the same ({found.told})", index + 1, worst, seen=True)
    return Verdict(None, len(numbers), worst)


def _numbers(pages: int, mode: Mode, changed: Collection[int], always: Iterable[int]) -> list[int]:
    """Return the pages to be compared, from 0: in a sample one of each kind of change, and others, evenly spread."""
    if mode == "all" or pages == 1:
        return list(range(pages))
    chosen = {*sorted(changed)[:_SAMPLED], *always}
    spread = min(_SAMPLED, math.ceil(math.sqrt(pages)) if changed else pages)
    even = [round(index * (pages - 1) / (spread - 1)) for index in range(spread)]
    chosen.update([number for number in even if number not in chosen][: max(0, spread - len(chosen))])
    return sorted(chosen)


_Text = tuple[str, tuple[tuple[float, ...], ...]]


def _text(page: Any) -> _Text:
    """Return a page's text and where it stands, in points."""
    with closing(page.get_textpage()) as text:
        boxes = (text.get_rect(index) for index in range(min(text.count_rects(), 200)))
        return text.get_text_range(), tuple(tuple(round(edge, 1) for edge in box) for box in boxes)


class _Rendered(Struct, frozen=True):
    """A page as it was rendered: rows of pixels, which begin with blue, green and red."""

    width: int
    height: int
    row_bytes: int
    channels: int
    data: bytes


_NOTHING = _Rendered(1, 1, 3, 3, bytes(3))
"""Of a page without a size."""


def _render(page: Any, dpi: int) -> _Rendered:
    width, height = page.get_size()
    if not (min(width, height) > 0.0 and max(width, height) < math.inf):
        return _NOTHING
    scale = min(_SIDE / max(width, height, 1.0), dpi / 72)
    with closing(page.render(scale=scale, may_draw_forms=True, prefer_bgrx=True)) as bitmap:
        return _Rendered(bitmap.width, bitmap.height, bitmap.stride, bitmap.n_channels, bytes(bitmap.buffer))


def _difference(one: _Rendered, other: _Rendered, *, grey: bool) -> "Difference":
    """Return how unlike two renderings are, or their greys."""
    vips(1)
    images = [_image(rendered) for rendered in (one, other)]
    return difference(*(_greys(image) for image in images) if grey else images)


def _image(rendered: _Rendered) -> "pyvips.Image":
    across, channels = rendered.row_bytes // rendered.channels, rendered.channels
    whole = vips().Image.new_from_memory(rendered.data, across, rendered.height, channels, "uchar")
    return whole.crop(0, 0, rendered.width, rendered.height)[0:3].copy_memory()


def _greys(image: "pyvips.Image") -> "pyvips.Image":
    """Return a page's greys, as three equal bands."""
    blue, green, red = image.bandsplit()
    greys = sum(weight * band for weight, band in zip(WEIGHTS, (red, green, blue), strict=True)).rint().cast("uchar")
    return greys.bandjoin([greys, greys]).copy_memory()


class Difference(Struct, frozen=True):
    """How unlike two renderings are.

    Attributes:
        similarity: The mean structural similarity.
        block: The largest difference between the means of two windows of 8x8 pixels, in any channel.
        patch: That of two patches of 32x32 pixels.
    """

    similarity: float = 1.0
    block: float = 0.0
    patch: float = 0.0

    @property
    def told(self) -> str:
        """Return the figures as a person is told them."""
        return f"similarity {self.similarity:.3f}, block difference {self.block:.0f}, patch difference {self.patch:.0f}"

    def exceeds(self, tolerance: Tolerance) -> bool:
        """Return whether it is more than is allowed."""
        return self.similarity < tolerance.similarity or self.block > tolerance.block or self.patch > tolerance.patch


def difference(one: "pyvips.Image", other: "pyvips.Image") -> Difference:
    """Return how unlike two renderings are, each of three bands of 8 bits; those of other sizes are so altogether."""
    if (one.width, one.height) != (other.width, other.height):
        return Difference(0.0, 255.0, 255.0)
    apart = (one - other).copy_memory()
    if apart.abs().max() == 0:
        return Difference()
    block, patch = (_means(apart, *how).abs().max() for how in ((_WINDOW, _STEP), (_PATCH, _STRIDE)))
    original, made = (_luma(_filled(image, _WINDOW)) for image in (one, other))
    return Difference(1.0 - Likeness(original).lost(made)[0], float(block), float(patch))


def _luma(image: "pyvips.Image") -> Any:
    from PIL import Image

    return luma_of(Image.fromarray(image.numpy()))


def _filled(values: "pyvips.Image", side: int) -> "pyvips.Image":
    """Return an image of at least this side: what is smaller is repeated."""
    across, down = (math.ceil(side / own) for own in (values.width, values.height))
    return values.replicate(across, down) if max(across, down) > 1 else values


def _means(values: "pyvips.Image", side: int, step: int) -> "pyvips.Image":
    """Return the means of windows of a side, each so far from the next."""
    count = side // step
    coarse = _filled(values, side).cast("float").shrink(step, step)
    means = coarse.convsep(vips().Image.new_from_array([[1] * count], scale=count), precision="float")
    edge = count // 2
    return means.crop(edge, edge, means.width - count + 1, means.height - count + 1)
