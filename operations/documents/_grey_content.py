"""Content streams without colour: every operator that sets one sets its grey instead, all others stay as they are."""

import base64
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mediamill.operations.documents import _content, _grey_images
from mediamill.operations.documents._colours import Colours, luma
from mediamill.operations.documents._grey_spaces import GREY, UNKNOWN, Space, resolve

if TYPE_CHECKING:
    import pikepdf

_DEVICES = {"rg": "/DeviceRGB", "RG": "/DeviceRGB", "k": "/DeviceCMYK", "K": "/DeviceCMYK"}
_STROKES = ("RG", "K", "G", "CS", "SC", "SCN")
_PATTERNS = "/GreyPattern"
_BY_COUNT = {3: "/DeviceRGB", 4: "/DeviceCMYK"}
_TOKEN = re.compile(
    rb"%[^\r\n]*+|\((?:[^()\\]|\\.|\((?:[^()\\]|\\.|\((?:[^()\\]|\\.)*+\))*+\))*+\)|<<|>>|<[^<>]*+>"
    rb"|/[^\s\0()<>\[\]{}/%]*+|[\[\]{}()<>]|[^\s\0()<>\[\]{}/%]++",
    re.DOTALL,
)
"""A token of a content stream, strings with brackets inside of brackets inside of brackets included."""

_NO_OPERATOR = b"%(<>/+-.0123456789"
_VALUES = (b"true", b"false", b"null", b"[", b"]", *(b"%d" % digit for digit in range(10)), b"/")
TELLTALES = (b"rg", b"RG", b"k", b"K", b"sc", b"SC", b"cs", b"CS", b"BI")
"""What stands in every content stream that sets a colour, or has a picture of its own."""


class _Edit(Struct, frozen=True):
    """An operator that sets a colour.

    Attributes:
        operator: What stands in its place.
        space: Of its colour.
        colour: Its components.
        pattern: The pattern that is painted in this colour.
    """

    operator: str
    space: Space
    colour: tuple[float, ...]
    pattern: Any = None


class Content:
    """Takes the colour out of content streams.

    Attributes:
        kept: Why what kept its colours did.
    """

    def __init__(self, pdf: "pikepdf.Pdf", colours: Colours, max_pixels: int) -> None:
        self.kept: list[str] = []
        self._pdf, self._colours, self._max_pixels = pdf, colours, max_pixels

    def rewritten(self, data: bytes, resources: Any, *, begins_grey: bool) -> bytes | None:
        """Return a content stream without colour, None where it sets none.

        Args:
            data: The stream.
            resources: What its names mean; a space for patterns is added where they need one.
            begins_grey: Whether colours begin in grey, as on pages, or as wherever it is painted.

        Raises:
            Unreadable: It cannot be read to its end.
            pikepdf.PdfError: It cannot be read at all.
        """
        import pikepdf

        if not any(mark in data for mark in TELLTALES):
            return None
        instructions: list[Any] = _content.instructions(data)
        edits = dict(self._edits(instructions, resources, GREY if begins_grey else UNKNOWN))
        inline = self._inline(instructions, resources)
        if not edits and not inline:
            return None
        greys = self._greys(edits)
        made = {at: _written(edit, greys[at], resources) for at, edit in edits.items()} | inline
        if not inline and (spliced := _spliced(data, [str(one.operator) for one in instructions], made)) is not None:
            return spliced
        parts, begin = list[bytes](), 0
        for at in sorted(made):
            parts += [pikepdf.unparse_content_stream(instructions[begin:at]), made[at]]
            begin = at + 1
        return b"\n".join([*parts, pikepdf.unparse_content_stream(instructions[begin:])])

    def _edits(self, instructions: list[Any], resources: Any, begin: Space) -> Iterable[tuple[int, _Edit]]:
        """Yield what is to stand in the place of which instruction."""
        import pikepdf

        now, stack = {False: begin, True: begin}, []
        for at, instruction in enumerate(instructions):
            operator, operands = str(instruction.operator), instruction.operands
            stroke = operator in _STROKES
            if operator == "q":
                stack.append(dict(now))
            elif operator == "Q":
                now = stack.pop() if stack else now
            elif operator in ("g", "G"):
                now[stroke] = GREY
            elif operator in _DEVICES:
                now[stroke] = resolve(pikepdf.Name(_DEVICES[operator]), resources)
                yield from self._set(at, operands, now[stroke], stroke)
            elif operator in ("cs", "CS"):
                now[stroke] = resolve(operands[0], resources)
                yield from self._begun(at, instructions, now[stroke], stroke)
            elif operator in ("sc", "SC", "scn", "SCN"):
                yield from self._set(at, operands, now[stroke], stroke)

    def _set(self, at: int, operands: Any, space: Space, stroke: bool) -> Iterable[tuple[int, _Edit]]:
        import pikepdf

        values = [one for one in operands if not isinstance(one, pikepdf.Name)]
        if space.kind == "unknown" and len(values) in _BY_COUNT:
            space = resolve(pikepdf.Name(_BY_COUNT[len(values)]), None)
        pattern = operands[-1] if space.kind == "pattern" and len(operands) > len(values) else None
        if space.kind == "pattern" and space.base is not None and values:
            space = space.base
        if space.kind == "colour":
            colour = (*(float(value) for value in values), *space.initial)[: space.components]
            name = "scn" if pattern is not None else "g"
            yield at, _Edit(name.upper() if stroke else name, space, colour, pattern)

    def _begun(self, at: int, instructions: list[Any], space: Space, stroke: bool) -> Iterable[tuple[int, _Edit]]:
        """Set a space's first colour, unless another one follows at once."""
        following = str(instructions[at + 1].operator) if at + 1 < len(instructions) else ""
        if space.kind == "pattern" and space.base is not None and space.base.kind == "colour":
            yield at, _Edit("CS" if stroke else "cs", space, ())
        elif space.kind == "unknown":
            self.kept.append("colour spaces that are not known")
        elif space.kind == "colour":
            set_next = following in (("SC", "SCN") if stroke else ("sc", "scn"))
            yield at, _Edit("" if set_next else "G" if stroke else "g", space, space.initial)

    def _greys(self, edits: dict[int, _Edit]) -> dict[int, float]:
        by_space: dict[bytes, list[int]] = {}
        for at, edit in edits.items():
            if edit.space.kind == "colour" and edit.operator:
                by_space.setdefault(edit.space.value.unparse(), []).append(at)
        found: dict[int, float] = dict.fromkeys(edits, 0.0)
        for places in by_space.values():
            greys = self._colours.greys(edits[places[0]].space.value, [edits[at].colour for at in places])
            found.update(zip(places, greys, strict=True))
        return found

    def _inline(self, instructions: list[Any], resources: Any) -> dict[int, bytes]:
        """Return what stands in the place of the pictures inside of a stream."""
        import pikepdf

        found: dict[int, bytes] = {}
        for at, instruction in enumerate(instructions):
            if not isinstance(instruction, pikepdf.ContentStreamInlineImage):
                continue
            written = instruction.iimage.unparse()
            image = pikepdf.Stream(self._pdf, written[written.index(b"\nID\n") + 4 : -2])
            for key, value in instruction.iimage.obj.items():
                image[key] = value
            space = resolve(image.get("/ColorSpace"), resources)
            if image.get("/ImageMask", False) is True or space.kind == "grey":
                continue
            size = int(image.Width), int(image.Height)
            if space.kind != "colour" or size[0] * size[1] > self._max_pixels:
                self.kept.append("pictures in content streams that cannot be read")
                continue
            image.ColorSpace = space.value
            greys = luma(self._colours.picture(image)).round().astype("uint8")
            packed = base64.a85encode(_grey_images.flate(greys)) + b"~>"
            head = f"BI /W {size[0]} /H {size[1]} /BPC 8 /CS /G /F [/A85 /Fl] ID "
            found[at] = head.encode() + packed + b"\nEI"
        return found


def _written(edit: _Edit, grey: float, resources: Any) -> bytes:
    import pikepdf

    if not edit.operator:
        return b""
    if edit.space.kind == "pattern":
        if "/ColorSpace" not in resources:
            resources.ColorSpace = pikepdf.Dictionary()
        resources.ColorSpace[_PATTERNS] = pikepdf.Array([pikepdf.Name.Pattern, pikepdf.Name.DeviceGray])
        return f"{_PATTERNS} {edit.operator}".encode()
    value = f"{grey:.3f}".rstrip("0").rstrip(".").removeprefix("0") or "0"
    pattern = b" " + edit.pattern.unparse() if edit.pattern is not None else b""
    return value.encode() + pattern + b" " + edit.operator.encode()


def _spliced(data: bytes, operators: list[str], made: dict[int, bytes]) -> bytes | None:
    """Return a content stream with some instructions written anew and all else as it stands.

    Args:
        data: The stream.
        operators: Of its instructions, as a parser found them.
        made: What is to stand in the place of which instruction.

    Returns:
        None where other instructions are found here than by the parser.
    """
    parts, done, begin, at = list[bytes](), 0, 0, 0
    for token in _TOKEN.finditer(data):
        word = token[0]
        if (word[0] in _NO_OPERATOR and len(word) > 1) or word in _VALUES:
            continue
        if at >= len(operators) or word != operators[at].encode():
            return None
        if at in made:
            parts += [data[done:begin], made[at]]
            done = token.end()
        begin, at = token.end(), at + 1
    return b" ".join([*parts, data[done:]]) if at == len(operators) else None
