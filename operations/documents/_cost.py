"""What a page asks of whoever shows it.

Twenty forms, each of which paints the next one twice, are a few hundred bytes and a million paintings; readers do them
all. Paintings are counted here without being done, so that such a page is not given to a reader at all.
"""

import re
from typing import TYPE_CHECKING, Any

from mediamill.operations.documents import _content, _filters
from mediamill.operations.documents._walk import malformed

if TYPE_CHECKING:
    import pikepdf

Key = tuple[int, int]

MAX_PAINTINGS = 300_000
"""Of forms, patterns and soft masks on one page: some seconds' worth."""

_DEEPEST = 40
"""Levels of forms in forms up to which readers follow them."""

_MAX_BYTES = 256 << 20
_PAINTED = re.compile(rb"/([^\s/<>\[\](){}%]+)\s+(Do|scn|SCN|gs)\b")
_KINDS = {b"Do": "/XObject", b"gs": "/ExtGState"}
_ESCAPED = re.compile(r"#([0-9A-Fa-f]{2})")


class Costs:
    """Counts what a document's pages paint; what several of them share is read once."""

    def __init__(self) -> None:
        self._children: dict[Key, dict[Key, int]] = {}
        self._counts: dict[Key, int] = {}
        self._bytes = 0

    def paintings(self, page: "pikepdf.Page") -> int:
        """Return how many forms, patterns and soft masks a page paints, counted no further than beyond the limit.

        What cannot be read is not followed, and counts by its length: readers may try to.
        """
        self._bytes = 0
        resources, notes = page.obj.get("/Resources"), page.obj.get("/Annots")
        direct, found = self._read(page.obj.get("/Contents"), resources, resources)
        for form in _appearances(notes):
            direct[form.objgen] = direct.get(form.objgen, 0) + 1
            found.append((form, resources))
        self._follow(found)
        if found or self._bytes >= _MAX_BYTES:
            return MAX_PAINTINGS + 1
        if len(self._counts) < len(self._children):
            self._count()
        return _sum(direct, self._counts)

    def _count(self) -> None:
        """Count what each form paints, level by level: forms that lead back to themselves then come to an end, too."""
        self._counts = dict.fromkeys(self._children, 1)
        for _ in range(_DEEPEST):
            counts = {key: _sum(children, self._counts) for key, children in self._children.items()}
            if counts == self._counts:
                break
            self._counts = counts

    def _follow(self, found: list[tuple[Any, Any]]) -> None:
        while found and self._bytes < _MAX_BYTES:
            form, outer = found.pop()
            if form.objgen not in self._children:
                inner = form.get("/Resources", outer)
                self._children[form.objgen], more = self._read(form, inner, outer)
                found += more

    def _read(self, content: Any, resources: Any, outer: Any) -> tuple[dict[Key, int], list[tuple[Any, Any]]]:
        """Return how often content paints what, and those forms with the resources they may fall back on."""
        times, forms = dict[Key, int](), dict[Key, Any]()
        try:
            data = _content.joined(content)
            self._bytes += len(data)
            named = dict[tuple[bytes, bytes], Any]()
            for match in _PAINTED.finditer(data):
                name, operator = match.groups()
                if (name, operator) not in named:
                    named[name, operator] = _painted(name, _KINDS.get(operator, "/Pattern"), resources)
                form = named[name, operator]
                if form is not None:
                    times[form.objgen] = times.get(form.objgen, 0) + 1
                    forms[form.objgen] = form
        except malformed():
            self._bytes += _may_become(content)
            return {}, []
        return times, [(form, resources or outer) for form in forms.values()]


def _sum(children: dict[Key, int], counts: dict[Key, int]) -> int:
    return min(MAX_PAINTINGS + 1, 1 + sum(times * counts.get(key, 1) for key, times in children.items()))


def _unescaped(match: re.Match[str]) -> str:
    return chr(int(match[1], 16))


def _painted(name: bytes, kind: str, resources: Any) -> Any:
    """Return the form, pattern or group that a name stands for, None where it is nothing with content."""
    import pikepdf

    called = "/" + _ESCAPED.sub(_unescaped, name.decode("latin-1"))
    thing = resources.get(kind, {}).get(called) if resources is not None else None
    if isinstance(thing, pikepdf.Dictionary):
        mask = thing.get("/SMask")
        thing = mask.get("/G") if isinstance(mask, pikepdf.Dictionary) else None
    return thing if isinstance(thing, pikepdf.Stream) and thing.get("/Subtype") != pikepdf.Name.Image else None


def _may_become(content: Any) -> int:
    """Return how many bytes content may stand for that cannot be decoded: it is damaged, or longer than is read."""
    import pikepdf

    streams = list(content) if isinstance(content, pikepdf.Array) else [content]
    reach = sum(_filters.most_bytes(one) for one in streams if isinstance(one, pikepdf.Stream))
    return reach if reach > _content.MAX_BYTES else 0


def _appearances(notes: Any) -> list[Any]:
    """Return what annotations look like."""
    import pikepdf

    found = list[Any]()
    for note in notes if isinstance(notes, pikepdf.Array) else []:
        looks = note.get("/AP") if isinstance(note, pikepdf.Dictionary) else None
        normal = looks.get("/N") if isinstance(looks, pikepdf.Dictionary) else None
        states = normal.values() if isinstance(normal, pikepdf.Dictionary) else [normal]
        found += [one for one in states if isinstance(one, pikepdf.Stream)]
    return found
