"""The pictures of a document: found, read out, coded anew side by side, and put back where that is smaller."""

import math
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct, field

from mediamill.operations.contract import Context, Limits
from mediamill.operations.documents import _filters
from mediamill.operations.documents._content import Unreadable
from mediamill.operations.documents._spaces import Space, is_grey, space_of
from mediamill.operations.documents._streams import written_bytes
from mediamill.operations.documents._walk import Walk, malformed
from mediamill.operations.images._vips import vips

if TYPE_CHECKING:
    import pikepdf

    from mediamill.operations.documents._candidates import Coded, Task

Key = tuple[int, int]

_SMALLEST = 400
"""Bytes below which a picture is not worth the names of its new filter."""

_ENOUGH = 1.15
"""Pictures of up to this part more than the resolution wanted stay as large as they are."""

_SHARING = 12_000_000
"""Pixels up to which pictures are worked on side by side."""

_HEARTBEAT = 0.1
"""Seconds between two looks whether the job is to stop."""

_BYTES_PER_PIXEL = 16
_DEEP = 16
_MAX_JBIG2_PIXELS = 60_000_000


class Wish(Struct, frozen=True):
    """What pictures are to become.

    Attributes:
        dpi: Their resolution on the page.
        quality: That of plain JPEGs they are to equal.
        spared: How many times that resolution they may keep where less would show.
        lossy: Whether they may lose anything.
        grey: Whether those of equal channels may become grey.
        wavelet: Whether photos may become JPEG 2000.
    """

    dpi: int
    quality: int
    lossy: bool
    grey: bool = True
    wavelet: bool = True
    spared: float = 1.0


class Report(Struct):
    """What was done.

    Attributes:
        found: Pictures in the document.
        coded: Those coded anew.
        downsampled: Those of them with fewer pixels.
        deduplicated: Those that were copies of others.
        saved: Bytes.
        kept_resolution: Why none was resampled, where one may have been.
        pages: Of each kind of change, one page that shows it, as far as it is known where pictures are painted.
        packed: Pictures that are packed by Flate as tightly as it goes.
    """

    found: int = 0
    coded: set[Key] = field(default_factory=set)
    downsampled: int = 0
    deduplicated: int = 0
    saved: int = 0
    kept_resolution: str | None = None
    pages: dict[str, int] = field(default_factory=dict)
    packed: set[Key] = field(default_factory=set)


def recompress(pdf: "pikepdf.Pdf", wish: Wish, gone: set[Key], ctx: Context) -> Report:
    """Code every picture anew for which that is smaller.

    Pictures in the content streams themselves, in JPEG 2000, and those of several spot colours lose nothing: their data
    may only be packed better. Those of 16 bits lose the lower 8, which no reader shows, where others lose anything.

    Args:
        pdf: The document, changed in place.
        wish: What they are to become.
        gone: Objects nothing refers to any more.
        ctx: The engine; its thread share is used.
    """
    report, walk = Report(), Walk(ctx.check)
    sizes = dict[Key, tuple[float, float]]()
    images = [one for one in pdf.objects if _is_image(one) and one.objgen not in gone]
    report.found = len(images)
    if not images:
        return report
    from mediamill.operations.documents import _candidates  # the coders, which most documents do not need

    vips(1)
    if wish.lossy:
        try:
            walk.document(pdf)
            sizes = walk.sizes
        except Unreadable as error:
            report.kept_resolution = f"a page's content cannot be followed: {error}"
        if _is_calibrated(pdf):
            wish = msgspec.structs.replace(wish, grey=False)
    tied, masks = _tied(images), _masks(images)

    def read(image: Any) -> "Task | None":
        try:
            return _task(image, wish, sizes.get(image.objgen), image.objgen in tied, masks, ctx.limits.max_pixels)
        except malformed():
            return None  # what is not built as a picture has to be stays as it is

    with ThreadPoolExecutor(ctx.threads) as pool:
        try:
            for image, coded in _coded(images, read, lambda task: pool.submit(_candidates.best, task), ctx):
                kind = _kind(image)
                if _put(report, image, coded) and image.objgen in walk.pages:
                    report.pages.setdefault(f"{kind} {_kind(image)}", walk.pages[image.objgen])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # so that only what is being worked on is waited for
            raise
    return report


def _coded(
    images: list[Any],
    read: "Callable[[Any], Task | None]",
    begin: "Callable[[Task], Future[Coded | None]]",
    ctx: Context,
) -> "Iterator[tuple[Any, Coded | None]]":
    """Yield each picture with what was made of it; a few are in memory at a time, and large ones alone."""
    waiting = deque[tuple[Any, "Future[Coded | None]"]]()
    for number, image in enumerate(images):
        ctx.progress(5 + 75 * number / len(images), f"picture {number + 1} of {len(images)}")
        task = read(image)
        if task is None:
            continue
        alone = task.width * task.height > _SHARING
        while waiting and (alone or len(waiting) > ctx.threads):
            yield _first(waiting, ctx)
        if alone:
            vips(ctx.threads)
        waiting.append((image, begin(task)))
        if alone:
            yield _first(waiting, ctx)
            vips(1)
    while waiting:
        yield _first(waiting, ctx)


def _first(waiting: "deque[tuple[Any, Future[Coded | None]]]", ctx: Context) -> "tuple[Any, Coded | None]":
    """Wait for the picture that is first, and look meanwhile whether the job is to stop."""
    image, work = waiting.popleft()
    while not wait([work], _HEARTBEAT).done:
        ctx.check()
    ctx.check()
    return image, work.result()


def _kind(image: Any) -> str:
    """Return what a picture is for whoever shows it: what may go wrong with one goes wrong with all of its kind."""
    import pikepdf

    space = image.get("/ColorSpace")
    names = (space[0], space[1]) if isinstance(space, pikepdf.Array) and len(space) > 1 else (space,)
    called = [str(name) if isinstance(name, pikepdf.Name) else "" for name in names]
    marks = [key for key in ("/Decode", "/ImageMask", "/Mask", "/SMask", "/DecodeParms") if key in image]
    filters = [name for name, _ in _filters.chain(image)]
    return " ".join([*filters, *called, *marks, str(image.get("/BitsPerComponent"))])


def _is_calibrated(pdf: "pikepdf.Pdf") -> bool:
    """Return whether a page may say what its device colours mean: grey ones may then mean something else."""
    import pikepdf

    dictionaries = (one for one in pdf.objects if isinstance(one, (pikepdf.Dictionary, pikepdf.Stream)))
    holders = (one.stream_dict if isinstance(one, pikepdf.Stream) else one for one in dictionaries)
    return any(b"/DefaultRGB" in one.unparse(resolved=True) for one in holders)


def count(pdf: "pikepdf.Pdf") -> int:
    """Return how many pictures a document has."""
    return sum(_is_image(one) for one in pdf.objects)


def memory_bytes(pdf: "pikepdf.Pdf", limits: Limits, threads: int) -> int:
    """Return what working on a document's pictures takes at most."""
    largest = 0
    for image in filter(_is_image, pdf.objects):
        width: Any = image.get("/Width")
        height: Any = image.get("/Height")
        if isinstance(width, int) and isinstance(height, int) and 0 < width * height <= limits.max_pixels:
            largest = max(largest, width * height)
    return _BYTES_PER_PIXEL * max(largest, (threads + 1) * min(largest, _SHARING))


def _is_image(thing: Any) -> bool:
    import pikepdf

    return isinstance(thing, pikepdf.Stream) and thing.get("/Subtype") == pikepdf.Name.Image and "/F" not in thing


def _tied(images: list[Any]) -> set[Key]:
    """Return the pictures that must keep pixels and values: by a matte, or because they are chosen by their colours."""
    import pikepdf

    found = set[Key]()
    for image in images:
        mask = image.get("/SMask")
        if isinstance(mask, pikepdf.Stream) and "/Matte" in mask:
            found |= {image.objgen, mask.objgen}
        if isinstance(image.get("/Mask"), pikepdf.Array) or "/Alternates" in image or "/OPI" in image:
            found.add(image.objgen)
    return found


def _masks(images: list[Any]) -> set[Key]:
    """Return the pictures that are the transparency of others."""
    import pikepdf

    masks = (image.get(key) for image in images for key in ("/SMask", "/Mask"))
    return {mask.objgen for mask in masks if isinstance(mask, pikepdf.Stream)}


def _task(
    image: Any, wish: Wish, painted: tuple[float, float] | None, tied: bool, masks: set[Key], max_pixels: int
) -> "Task | None":
    """Read a picture out, as far as it is of a kind that can be coded anew."""
    from mediamill.operations.documents._candidates import Task

    width, height = image.get("/Width"), image.get("/Height")
    stencil = image.get("/ImageMask", False) is True
    bits = 1 if stencil else image.get("/BitsPerComponent", 8)
    sound = all(isinstance(side, int) and side > 0 for side in (width, height)) and bits in (1, 2, 4, 8, _DEEP)
    space = Space(1) if stencil else space_of(image.get("/ColorSpace"))
    size = len(image.read_raw_bytes())
    if not sound or space is None or width * height > max_pixels or size < _SMALLEST:
        return None
    lossy = wish.lossy and not tied and bits > 1 and _may_lose(image, space)
    stored = 1 if space.palette is not None else space.components
    data, coding, parms = _samples(image, (width, height), stored * bits)
    if data is None or (bits == _DEEP and (coding or not lossy)):
        return None
    if bits == _DEEP:
        data, bits = data[::2], 8
    grey, free = is_grey(image.get("/ColorSpace")), not tied and "/Decode" not in image
    return Task(
        data=data,
        filter=coding,
        parms=_numbers(parms),
        width=width,
        height=height,
        bits=bits,
        components=stored,
        palette=space.palette,
        depth=space.components,
        stored=size,
        size=_wanted(width, height, painted, wish.dpi) if lossy else None,
        spared=wish.spared,
        quality=wish.quality if lossy else 0,
        may_be_grey=space.plain_rgb and wish.grey and "/SMask" not in image and "/Decode" not in image,
        may_be_indexed=free and image.objgen not in masks,
        may_be_wavelet=wish.wavelet and image.objgen not in masks and not space.ink and "/Decode" not in image,
        bilevel=(stencil or grey or free) and width * height <= _MAX_JBIG2_PIXELS,
        is_plain_grey=grey and free,
    )


def _samples(image: Any, size: tuple[int, int], bits: int) -> tuple[bytes | None, str, dict[str, Any]]:
    """Return a picture's data, and what it is still coded by: a JPEG or a fax, or nothing where it is samples.

    Args:
        image: The picture.
        size: Its pixels.
        bits: Of each pixel.
    """
    width, height = size
    filters = _filters.chain(image)
    if filters and filters[-1][0] in (_filters.DCT, _filters.CCITT):
        return _filters.unwrapped(image.read_raw_bytes(), filters, _filters_limit(width, height)), *filters[-1]
    packed = (width * bits + 7) // 8 * height
    data = _filters.decoded(image, packed + 4096)
    return (data[:packed] if data is not None and len(data) >= packed else None), "", {}


def _filters_limit(width: int, height: int) -> int:
    return 4 * width * height + (1 << 20)


def _numbers(parms: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in parms.items() if isinstance(value, (int, bool))}


def _may_lose(image: Any, space: Space) -> bool:
    """Return whether what a picture's samples lose shows no more than it does elsewhere."""
    decode = [float(edge) for edge in image.get("/Decode", [])]
    gentle = all(abs(high - low) <= 1 for low, high in zip(decode[::2], decode[1::2], strict=False))
    return gentle and "/SMaskInData" not in image and not (decode and space.palette is not None)


def _wanted(width: int, height: int, painted: tuple[float, float] | None, dpi: int) -> tuple[int, int] | None:
    """Return the pixels a picture needs, None where it has hardly more or is not known to be painted."""
    if painted is None or not dpi or min(painted) <= 0:
        return None
    across, down = (
        max(1, min(side, math.ceil(inches * dpi))) for side, inches in zip((width, height), painted, strict=True)
    )
    return (across, down) if width > _ENOUGH * across or height > _ENOUGH * down else None


def _put(report: Report, image: Any, coded: "Coded | None") -> bool:
    """Put a picture back where that makes the file smaller; return whether it does."""
    import pikepdf

    if coded is None:
        return False
    before = len(image.read_raw_bytes())
    parms = pikepdf.Dictionary({f"/{key.lstrip('/')}": value for key, value in coded.parms.items()})
    names = written_bytes(parms) - written_bytes(image.get("/DecodeParms"))
    if len(coded.data) + 2 * len(coded.palette) + names >= before:
        return False
    shrunk = coded.size != (image.Width, image.Height)
    _set_space(image, coded)
    image.Width, image.Height = coded.size
    if image.get("/ImageMask", False) is not True:
        image.BitsPerComponent = coded.bits
    image.write(coded.data, filter=pikepdf.Name(coded.filter), decode_parms=parms if coded.parms else None)
    report.coded.add(image.objgen)
    if coded.filter == _filters.FLATE and not coded.parms:
        report.packed.add(image.objgen)
    report.downsampled += shrunk
    report.saved += before - len(coded.data)
    return True


def _set_space(image: Any, coded: "Coded") -> None:
    import pikepdf

    space = image.get("/ColorSpace")
    if coded.space == "grey":
        image.ColorSpace = pikepdf.Name.DeviceGray
    elif coded.space in ("base", "indexed"):
        was_indexed = isinstance(space, pikepdf.Array) and space[0] == pikepdf.Name.Indexed
        base = space[1] if was_indexed else space
        image.ColorSpace = base
        if coded.space == "indexed":
            highest = coded.colours - 1
            image.ColorSpace = pikepdf.Array([pikepdf.Name.Indexed, base, highest, pikepdf.String(coded.palette)])
