"""A document's colours made grey: content streams, pictures, shadings, groups, annotations and outlines.

The grey of a colour is the luma of what a reader shows. What cannot be converted keeps its colours and is named.
"""

from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any

from mediamill.operations.documents import _content, _grey_images, _grey_mesh
from mediamill.operations.documents._colours import STEPS, Colours, grey_of
from mediamill.operations.documents._grey_content import Content
from mediamill.operations.documents._grey_spaces import Space, resolve
from mediamill.operations.documents._greyed import BLENDED, Greyed, Kept
from mediamill.operations.documents._open import DocumentFacts
from mediamill.operations.documents._walk import dictionaries
from mediamill.operations.images._vips import vips

if TYPE_CHECKING:
    import pikepdf

_DEVICES = {3: "/DeviceRGB", 4: "/DeviceCMYK"}
_BLENDED = ("/Normal", "/Compatible", "/None")
_WHOLE = 65535
_NEAR_LINE = 1.2 / 255
"""How far a shading's greys may be from a line to be one: what rounding makes."""


def convert(
    pdf: "pikepdf.Pdf",
    facts: DocumentFacts,
    gone: Collection[tuple[int, int]],
    max_pixels: int,
    check: Callable[[], None],
) -> Greyed:
    """Make a document grey.

    Args:
        pdf: The document, changed in place.
        facts: What it is.
        gone: Objects nothing refers to any more.
        max_pixels: Of a picture, above which it keeps its colours.
        check: Called between objects; raises where the job is to stop.
    """
    done, colours = Greyed(), Colours(pdf)
    kept = done.kept
    holders = [*dictionaries(pdf, check)]
    done.changed = _streams(pdf, holders, Content(pdf, colours, max_pixels), kept, check)
    for image in [one for one in pdf.objects if _is_image(one) and one.objgen not in gone]:
        check()
        try:
            _picture(pdf, image, colours, max_pixels, done)
        except _grey_images.Kept as reason:
            kept[str(reason)] += 1
        except _unreadable():
            kept["pictures that cannot be read"] += 1
    for holder in holders:
        check()
        try:
            for convert_one in (_shading, _backdrop, _annotation):
                done.changed |= convert_one(pdf, holder, colours, kept)
        except _unreadable():
            kept["entries that cannot be read"] += 1
    for holder in holders:
        _group(holder, kept)
    done.changed |= _appearances(pdf, holders, colours, max_pixels, kept)
    if facts.pdfa and "/OutputIntents" not in pdf.Root:
        _say_what_grey_means(pdf)
    return done


def _picture(pdf: "pikepdf.Pdf", image: Any, colours: Colours, max_pixels: int, done: Greyed) -> None:
    before = image.read_raw_bytes()
    done.changed |= _grey_images.convert(pdf, image, colours, max_pixels)
    after = image.read_raw_bytes()
    if after != before:
        done.pictures.add(image.objgen)
        done.saved += len(before) - len(after)


def _say_what_grey_means(pdf: "pikepdf.Pdf") -> None:
    """Name sRGB as what a document is made for: PDF/A allows the grey of devices only where that is said."""
    import pikepdf

    profile = pikepdf.Stream(pdf, vips().Operation.call("profile_load", "srgb"), N=3)
    intent = pikepdf.Dictionary(
        Type=pikepdf.Name.OutputIntent,
        S=pikepdf.Name("/GTS_PDFA1"),
        OutputConditionIdentifier=pikepdf.String("sRGB"),
        DestOutputProfile=pdf.make_indirect(profile),
    )
    pdf.Root.OutputIntents = pikepdf.Array([pdf.make_indirect(intent)])


def _unreadable() -> tuple[type[Exception], ...]:
    """Return what is raised where a document's own objects are not what they have to be."""
    import pikepdf
    import pypdfium2

    return (
        _content.Unreadable,
        _grey_mesh.Unreadable,
        pikepdf.PdfError,
        pypdfium2.PdfiumError,
        ValueError,
        TypeError,
        AttributeError,
        KeyError,
        IndexError,
    )


def _is_image(thing: Any) -> bool:
    import pikepdf

    return isinstance(thing, pikepdf.Stream) and thing.get("/Subtype") == pikepdf.Name.Image


def _streams(pdf: "pikepdf.Pdf", holders: list[Any], content: Content, kept: Kept, check: Callable[[], None]) -> bool:
    changed = False
    for holder, resources, is_page in [*_contents(pdf, holders)]:
        check()
        try:
            data = _content.joined(holder.get("/Contents") if is_page else holder)
            made = content.rewritten(data, resources, begins_grey=is_page)
        except _unreadable():
            kept["content that cannot be read"] += 1
            continue
        if made is not None and is_page:
            import pikepdf

            holder.Contents = pdf.make_indirect(pikepdf.Stream(pdf, made))
        elif made is not None:
            holder.write(made)
        changed |= made is not None
    kept.update(content.kept)
    return changed


def _contents(pdf: "pikepdf.Pdf", holders: list[Any]) -> Iterator[tuple[Any, Any, bool]]:
    """Yield all that has content, with its resources and whether it is a page.

    A form without resources of its own takes those of what paints it.
    """
    import pikepdf

    painted_by: dict[tuple[int, int], Any] = {}
    others: list[tuple[Any, Any]] = []
    for page in pdf.pages:
        resources = page.obj.get("/Resources")
        _note(resources, painted_by)
        yield page.obj, resources, True
    for thing in holders:
        if isinstance(thing, pikepdf.Stream):
            if thing.get("/Subtype") == pikepdf.Name.Form or thing.get("/PatternType") == 1:
                others.append((thing, thing.get("/Resources")))
                _note(thing.get("/Resources"), painted_by)
        elif thing.get("/Subtype") == pikepdf.Name.Type3:
            glyphs: Any = thing.get("/CharProcs", {})
            others += [(glyph, thing.get("/Resources")) for glyph in glyphs.values()]
            _note(thing.get("/Resources"), painted_by)
    for thing, resources in others:
        yield thing, painted_by.get(thing.objgen) if resources is None else resources, False


def _note(resources: Any, painted_by: dict[tuple[int, int], Any]) -> None:
    import pikepdf

    if isinstance(resources, pikepdf.Dictionary):
        named = resources.get("/XObject")
        for form in named.values() if isinstance(named, pikepdf.Dictionary) else ():
            if isinstance(form, pikepdf.Stream):
                painted_by.setdefault(form.objgen, resources)


def _shading(pdf: "pikepdf.Pdf", holder: Any, colours: Colours, kept: Kept) -> bool:
    """Give a shading of one variable a function of greys instead of its own, and a mesh greys instead of colours."""
    import pikepdf

    if "/ShadingType" not in holder or "/ColorSpace" not in holder:
        return False
    space = resolve(holder.ColorSpace, None)
    if space.kind == "grey":
        return False
    kind: Any = holder.ShadingType
    if space.kind != "colour" or kind == 1:
        kept["shadings of two variables, or of colour spaces that are not known"] += 1
        return False
    if "/Function" not in holder:
        return _mesh(holder, space, colours, kept)
    if kind > 3:  # a mesh: what goes in is told by the last pair of its Decode
        one = pikepdf.Dictionary(ColorSpace=holder.ColorSpace, Function=holder.Function)
        one.Domain = pikepdf.Array(list(holder.Decode)[-2:])
    else:
        one = holder
    domain = [float(edge) for edge in one.get("/Domain", [0, 1])]
    background = holder.get("/Background")
    if background is not None:
        holder.Background = _grey_array(background, space.value, colours)
    holder.Function = _function(pdf, colours.steps(one), domain)
    holder.ColorSpace = pikepdf.Name.DeviceGray
    return True


def _mesh(holder: Any, space: Space, colours: Colours, kept: Kept) -> bool:
    try:
        background = holder.get("/Background")
        _grey_mesh.convert(holder, space, colours)
    except _unreadable():
        kept["shadings of meshes that cannot be read"] += 1
        return False
    if background is not None:
        holder.Background = _grey_array(background, space.value, colours)
    return True


def _function(pdf: "pikepdf.Pdf", steps: Any, domain: list[float]) -> Any:
    import numpy as np
    import pikepdf

    line = np.linspace(steps[0], steps[-1], STEPS)
    if np.abs(steps - line).max() <= _NEAR_LINE and domain == [0, 1]:
        ends = {f"/C{at}": pikepdf.Array([round(float(steps[-at]), 4)]) for at in (0, 1)}
        return pikepdf.Dictionary({"/FunctionType": 2, "/Domain": pikepdf.Array(domain), "/N": 1} | ends)
    samples = np.rint(steps * _WHOLE).astype(">u2").tobytes()
    table = pikepdf.Stream(pdf, samples, FunctionType=0, BitsPerSample=16, Size=pikepdf.Array([STEPS]))
    table.Domain, table.Range = pikepdf.Array(domain), pikepdf.Array([0, 1])
    return pdf.make_indirect(table)


def _grey_array(values: Any, space: Any, colours: Colours) -> Any:
    import pikepdf

    (grey,) = colours.greys(space, [tuple(float(value) for value in values)])
    return pikepdf.Array([round(grey, 4)])


def _backdrop(pdf: "pikepdf.Pdf", holder: Any, colours: Colours, kept: Kept) -> bool:
    """Give a soft mask's backdrop its grey."""
    import pikepdf

    if holder.get("/S") not in (pikepdf.Name.Luminosity, pikepdf.Name.Alpha) or "/BC" not in holder:
        return False
    space = resolve(holder.G.get("/Group", pikepdf.Dictionary()).get("/CS"), holder.G.get("/Resources"))
    if space.kind != "colour" or len(holder.BC) != space.components:
        return False
    holder.BC = _grey_array(holder.BC, space.value, colours)
    return True


def _group(holder: Any, kept: Kept) -> None:
    """Let groups be blended in grey."""
    import pikepdf

    if holder.get("/S") == pikepdf.Name.Transparency and resolve(holder.get("/CS"), None).kind == "colour":
        holder.CS = pikepdf.Name.DeviceGray
    modes = holder.get("/BM")
    for mode in modes if isinstance(modes, pikepdf.Array) else [] if modes is None else [modes]:
        if str(mode) not in _BLENDED:
            kept[BLENDED] += 1


def _annotation(pdf: "pikepdf.Pdf", holder: Any, colours: Colours, kept: Kept) -> bool:
    """Give annotations, and the titles of outlines, the greys of their colours."""
    import pikepdf

    changed = False
    if "/Subtype" in holder and "/Rect" in holder:
        looks = holder.get("/MK")
        ends = [(holder, "/C"), (holder, "/IC"), *((looks, key) for key in ("/BC", "/BG") if looks is not None)]
        for one, key in ends:
            values = one.get(key)
            if isinstance(values, pikepdf.Array) and len(values) in _DEVICES:
                one[key] = _grey_array(values, pikepdf.Name(_DEVICES[len(values)]), colours)
                changed = True
    elif "/Title" in holder and isinstance(holder.get("/C"), pikepdf.Array) and len(holder.C) == 3:
        grey = round(grey_of([float(value) for value in holder.C]), 4)
        changed = len({float(value) for value in holder.C}) > 1
        holder.C = pikepdf.Array([grey] * 3)
    return changed


def _appearances(pdf: "pikepdf.Pdf", holders: list[Any], colours: Colours, max_pixels: int, kept: Kept) -> bool:
    """Give the text that forms are filled in with the grey of its colour."""
    import pikepdf

    content, changed = Content(pdf, colours, max_pixels), False
    for holder in holders:
        given = holder.get("/DA")
        if not isinstance(given, pikepdf.String):
            continue
        try:
            made = content.rewritten(bytes(given), None, begins_grey=True)
        except _unreadable():
            kept["default appearances that cannot be read"] += 1
            continue
        if made is not None:
            holder.DA = pikepdf.String(b" ".join(made.split()))
            changed = True
    return changed
