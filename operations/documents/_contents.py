"""Content streams of a document made shorter: of pages, forms, patterns, letters that are drawings, and appearances.

Each is rewritten by itself, and stays as it is where the packed bytes do not get fewer or anything in it is not clear.
Numbers are rounded only where it is known how large they are painted: on pages, and in what pages paint, down through
forms and patterns. Appearances, soft masks and the drawings of fonts are painted in sizes only known to who shows them.
"""

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from mediamill.operations.documents import _content_short, _filters
from mediamill.operations.documents._content_painted import Part, Scene, others
from mediamill.operations.documents._content_round import Rounding
from mediamill.operations.documents._content_tokens import Unclear
from mediamill.operations.documents._streams import written_bytes
from mediamill.operations.documents._walk import malformed

if TYPE_CHECKING:
    import pikepdf

Key = tuple[int, int]

MAX_STREAM_BYTES = 8 << 20
"""Decoded bytes up to which a content stream is rewritten."""

MAX_BYTES = 32 << 20
"""Decoded bytes of a document's content that are rewritten at most; at 2 to 5 MB/s."""

_PAYS = 0.97
"""The part of a stream spelled shorter that its rounded one may take to stand for it: where a reader puts letters on
whole pixels, the least change moves some of them by one."""

_REFERENCE = len(b" 1234 0 R")


class Rewritten(Struct):
    """What was done.

    Attributes:
        packed: Streams that are packed as tightly as they get.
        pages: For each kind of change a page that shows it, counted from 0.
        saved: Bytes, packed.
    """

    packed: set[Key] = msgspec.field(default_factory=set)
    pages: dict[str, int] = msgspec.field(default_factory=dict)
    saved: int = 0


def rewrite(pdf: "pikepdf.Pdf", gone: set[Key], check: Callable[[], None], *, rounded: bool) -> Rewritten:
    """Make content streams shorter.

    Args:
        pdf: The document, changed in place.
        gone: Objects nothing refers to any more; streams that became part of another are added.
        check: Called between streams; raises where the job is to stop.
        rounded: Whether numbers may be rounded to what can be seen.
    """
    try:
        scene = Scene(pdf, followed=rounded)
    except malformed():  # whoever needs to follow it says so; spelled shorter it may be
        scene = Scene(pdf, followed=False)
    work = _Work(gone, scene)
    for part in (*scene.pages, *scene.forms):
        check()
        work.part(part)
    for part in others(pdf, work.seen):
        check()
        work.part(part)
    return work.done


class _Work:
    def __init__(self, gone: set[Key], scene: Scene) -> None:
        self.done = Rewritten()
        self.seen: set[Key] = set()
        self._gone, self._scene = gone, scene
        self._left = MAX_BYTES

    def part(self, part: Part) -> None:
        """Rewrite a stream, or a page's several as one; what it paints gets to know how large that is."""
        if any(key in self.seen or key in self._gone for key in part.keys):
            self._scene.painted(part, None)
            return
        self.seen.update(part.keys)
        found = [self._decoded(stream) for stream in part.streams]
        plain = [data for data in found if data is not None]
        sizes = None
        if len(plain) == len(found):
            sizes = self._rewritten(part, plain)
        self._scene.painted(part, sizes)

    def _decoded(self, stream: "pikepdf.Stream") -> bytes | None:
        if self._left <= 0 or "/F" in stream:
            return None
        try:
            data = _filters.decoded(stream, min(MAX_STREAM_BYTES, self._left))
        except malformed():
            return None
        self._left -= len(data or b"")
        return data

    def _rewritten(self, part: Part, plain: list[bytes]) -> dict[bytes, float] | None:
        """Rewrite a stream; return how large what it paints is, None where that could not be followed."""
        joined = b"\n".join(plain)
        parts = [end - 1 for end in itertools.accumulate(len(data) + 1 for data in plain[:-1])]
        rounding = Rounding(part.scale) if self._scene.is_followed(part) else None
        try:
            spelled, rounded = _content_short.both(joined, rounding, parts)
        except Unclear:
            for stream, data in zip(part.streams, plain, strict=True) if len(plain) > 1 else ():
                self._alone(stream, data, part.page)
            return None
        sizes = None if rounding is None or rounded is None else rounding.painted
        length = _filters.packs_to(spelled)
        if rounded is not None and rounded != spelled:
            shorter = _filters.packs_to(rounded)
            if shorter < _PAYS * length and self._is_kept(part, plain, rounded, shorter, "rounded"):
                return sizes
        self._is_kept(part, plain, spelled, length, "spelled")
        return sizes

    def _alone(self, stream: "pikepdf.Stream", data: bytes, page: int | None) -> None:
        try:
            made = _content_short.shortened(data, [len(data)])
        except Unclear:
            return
        self._is_kept(Part([stream], page), [data], made, _filters.packs_to(made), "spelled")

    def _is_kept(self, part: Part, plain: list[bytes], made: bytes, length: int, kind: str) -> bool:
        """Put a stream, that packs to such a length, in the place of what it was made from where that is smaller."""
        import pikepdf

        if plain == [made] or length >= sum(map(_filters.packs_to, plain)):
            return False
        first, *rest = part.streams
        packed = _filters.deflate(made)
        before = sum(map(_stored, part.streams)) + _REFERENCE * len(rest)
        after = min(len(packed) + len(_filters.FLATE) + 1, len(made))
        if after >= before:
            return False
        if after == len(made):
            first.write(made)
        else:
            first.write(packed, filter=pikepdf.Name.FlateDecode)
            self.done.packed.add(first.objgen)
        if rest:
            part.holder.Contents = first
            self._gone.update(stream.objgen for stream in rest)
        self.done.saved += before - after
        if part.page is not None:
            for one in (kind, "joined" if rest else kind, "form" if part.holder is None else kind):
                self.done.pages.setdefault(one, part.page)
        return True


def _stored(stream: "pikepdf.Stream") -> int:
    """Return how long a stream is where it is, with what is said about its filters."""
    return len(stream.read_raw_bytes()) + sum(written_bytes(stream.get(key)) for key in ("/Filter", "/DecodeParms"))
