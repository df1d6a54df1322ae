"""Documents held against what they were made from: reopened, counted, read and looked at, page by page.

Another reader than the one that wrote them does it. Pages are rendered small: what goes wrong with pictures (turned
negative, gone, shifted, in another colour) shows in the mean of any block of pixels, and what is lost in quality in
the structural similarity.
"""

from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from mediamill.operations.documents._colours import luma
from mediamill.operations.documents._open import open_pdf
from mediamill.protocol.errors import MediaError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]
    Values = npt.NDArray[np.float64]

Mode = Literal["off", "sample", "all"]

_SAMPLED = 8
_SIDE = 640
_BLOCK = 8
_WINDOW = 8
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


class Tolerance(Struct, frozen=True):
    """How far a rendered page may be from the one it was made from.

    Attributes:
        similarity: The least mean structural similarity, 0..1.
        block: The most the mean of a block of 8x8 pixels may differ, 0..255.
        dpi: Resolution at which pages are compared at most: what pictures are to keep.
    """

    similarity: float = 1.0
    block: float = 0.0
    dpi: int = 144


class Verdict(Struct, frozen=True):
    """What was found.

    Attributes:
        reason: What differs too much, None where nothing does.
        pages: How many pages were rendered.
        similarity: The least structural similarity of a page; 1 where all are identical.
    """

    reason: str | None
    pages: int = 0
    similarity: float = 1.0


def compare(
    before: bytes,
    after: bytes,
    *,
    password: str,
    mode: Mode,
    tolerance: Tolerance,
    check: Callable[[], None],
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
        grey: Whether the pages' greys are compared, instead of their colours.
    """
    import pypdfium2

    try:
        with open_pdf(before, password) as one, open_pdf(after, password) as other:
            if len(one.pages) != len(other.pages):
                return Verdict(f"it has {len(other.pages)} pages instead of {len(one.pages)}")
    except MediaError as error:
        return Verdict(f"it does not open again: {error.message}")
    if mode == "off":
        return Verdict(None)
    try:
        with (
            closing(pypdfium2.PdfDocument(before, password=password or None)) as one,
            closing(pypdfium2.PdfDocument(after, password=password or None)) as other,
        ):
            return _compare_pages(one, other, mode, tolerance, check, _greys if grey else _render)
    except pypdfium2.PdfiumError as error:
        return Verdict(f"it cannot be rendered: {error}")


def _compare_pages(
    one: Any,
    other: Any,
    mode: Mode,
    tolerance: Tolerance,
    check: Callable[[], None],
    render: "Callable[[Any, int], Pixels]",
) -> Verdict:
    if len(one) != len(other):
        return Verdict(f"it has {len(other)} pages instead of {len(one)}")
    worst, numbers = 1.0, _numbers(len(one), mode)
    for index, number in enumerate(numbers):
        check()
        with closing(one[number]) as left, closing(other[number]) as right:
            if _text(left) != _text(right):
                return Verdict(f"the text of page {number + 1} is not the same", index + 1, worst)
            similarity, block = difference(render(left, tolerance.dpi), render(right, tolerance.dpi))
        worst = min(worst, similarity)
        if similarity < tolerance.similarity or block > tolerance.block:
            found = f"similarity {similarity:.3f}, block difference {block:.0f}"
            return Verdict(f"page {number + 1} does not look the same ({found})", index + 1, worst)
    return Verdict(None, len(numbers), worst)


def _numbers(pages: int, mode: Mode) -> list[int]:
    if mode == "all" or pages <= _SAMPLED:
        return list(range(pages))
    return sorted({round(index * (pages - 1) / (_SAMPLED - 1)) for index in range(_SAMPLED)})


def _text(page: Any) -> tuple[str, tuple[tuple[float, ...], ...]]:
    """Return a page's text and where it stands, in points."""
    with closing(page.get_textpage()) as text:
        boxes = (text.get_rect(index) for index in range(min(text.count_rects(), 200)))
        return text.get_text_range(), tuple(tuple(round(edge, 1) for edge in box) for box in boxes)


def _render(page: Any, dpi: int) -> "Pixels":
    width, height = page.get_size()
    scale = min(_SIDE / max(width, height, 1.0), dpi / 72)
    with closing(page.render(scale=scale, may_draw_forms=True)) as bitmap:
        pixels: Pixels = bitmap.to_numpy()[:, :, :3].copy()
    return pixels


def _greys(page: Any, dpi: int) -> "Pixels":
    """Return a page's greys, as three equal channels."""
    import numpy as np

    greys = np.rint(luma(_render(page, dpi)[:, :, ::-1])).astype(np.uint8)
    return np.repeat(greys[:, :, None], 3, axis=2)


def difference(one: "Pixels", other: "Pixels") -> tuple[float, float]:
    """Return how alike two renderings are.

    Args:
        one: Shape (height, width, 3).
        other: Likewise.

    Returns:
        The mean structural similarity (Wang et al. 2004, uniform windows, luma) and the largest difference between
        the means of two blocks, in any channel. Renderings of different sizes are not alike at all.
    """
    import numpy as np

    if one.shape != other.shape:
        return 0.0, 255.0
    if np.array_equal(one, other):
        return 1.0, 0.0
    left, right = one.astype(np.float64), other.astype(np.float64)
    block = max(float(np.abs(_means(left[..., c] - right[..., c], _BLOCK)).max()) for c in range(3))
    return _similarity(left.mean(axis=2), right.mean(axis=2)), block


def _means(values: "Values", side: int) -> "Values":
    """Return the mean of each window of `side` x `side`, at every place; of the whole where it is smaller."""
    import numpy as np

    rows, columns = min(side, values.shape[0]), min(side, values.shape[1])
    total = np.zeros((values.shape[0] + 1, values.shape[1] + 1))
    total[1:, 1:] = values.cumsum(0).cumsum(1)
    sums = total[rows:, columns:] - total[:-rows, columns:] - total[rows:, :-columns] + total[:-rows, :-columns]
    means: Values = sums / (rows * columns)
    return means


def _similarity(one: "Values", other: "Values") -> float:
    mean_one, mean_other = _means(one, _WINDOW), _means(other, _WINDOW)
    spread_one = _means(one * one, _WINDOW) - mean_one**2
    spread_other = _means(other * other, _WINDOW) - mean_other**2
    together = _means(one * other, _WINDOW) - mean_one * mean_other
    top = (2 * mean_one * mean_other + _C1) * (2 * together + _C2)
    bottom = (mean_one**2 + mean_other**2 + _C1) * (spread_one + spread_other + _C2)
    return float((top / bottom).mean())
