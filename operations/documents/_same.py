"""Two documents held against each other object by object, where no reader can be asked to show them."""

from collections.abc import Callable
from typing import Any

from mediamill.operations.documents import _filters, _metadata
from mediamill.operations.documents._frame import frame_of
from mediamill.operations.documents._open import open_pdf
from mediamill.operations.documents._streams import MAX_STREAM_BYTES
from mediamill.protocol.errors import MediaError

_PACKING = {"/Filter", "/DecodeParms", "/Length"}


def difference(before: bytes, after: bytes, password: str, check: Callable[[], None]) -> str | None:
    """Say where a document is more than another one packed otherwise, or without its metadata; None where it is not.

    All that is reached from the catalogue has to be there, with the same values, in the same order; streams with the
    same bytes, before any filter is undone, but for the notes within pictures, or behind all of them if these are
    general ones.

    Args:
        before: The one.
        after: What was made from it.
        password: Opens both.
        check: Called between objects; raises where the job is to stop.
    """
    try:
        with open_pdf(before, password) as one, open_pdf(after, password) as other:
            return frame_of(one).lost(frame_of(other)) or _difference(one.Root, other.Root, check)
    except MediaError as error:
        return f"it does not open again: {error.message}"


def _difference(one: Any, other: Any, check: Callable[[], None]) -> str | None:
    import pikepdf

    left: list[tuple[Any, Any, str]] = [(one, other, "the catalogue")]
    pairs = dict[tuple[int, int], tuple[int, int]]()
    while left:
        before, after, place = left.pop()
        if not isinstance(before, pikepdf.Object) or not isinstance(after, pikepdf.Object):
            if before != after:
                return f"{place} is not the same"
            continue
        if before.is_indirect:
            if before.objgen in pairs:
                if pairs[before.objgen] != after.objgen:
                    return f"{place} is another object"
                continue
            check()
            pairs[before.objgen] = after.objgen
        inner = _inner(before, after)
        if inner is None:
            return f"{place} is not the same"
        left += [(mine, theirs, f"{place}, {name}"[-200:]) for name, mine, theirs in inner]
    return None


def _inner(before: Any, after: Any) -> list[tuple[str, Any, Any]] | None:
    """Return what two objects hold, pair by pair; None where they are not the same themselves."""
    import pikepdf

    if before._type_code != after._type_code:
        return None
    if isinstance(before, pikepdf.Array):
        if len(before) != len(after):
            return None
        return [(str(at), *pair) for at, pair in enumerate(zip(before, after, strict=True))]
    if not isinstance(before, (pikepdf.Dictionary, pikepdf.Stream)):
        return [] if before.unparse() == after.unparse() else None
    other = set[str]()
    if isinstance(before, pikepdf.Stream) and not _same_data(before, after):
        if not _stand_for_the_same(before, after):
            return None
        other = _PACKING
    mine, theirs = ({str(key) for key in one.keys()} for one in (before, after))  # noqa: SIM118
    if not mine ^ theirs <= other | set(_metadata.REMOVED):
        return None
    return [(key, before[key], after[key]) for key in (mine & theirs) - other if not _is_written_anew(key, before)]


def _is_written_anew(key: str, holder: Any) -> bool:
    return key == "/Length" or (key == "/Metadata" and _metadata.is_packet(holder[key]))


def _same_data(before: Any, after: Any) -> bool:
    data = after.read_raw_bytes()
    return bool(data == before.read_raw_bytes() or data == _metadata.stripped(before))


def _stand_for_the_same(before: Any, after: Any) -> bool:
    if not all(_filters.is_plain(_filters.chain(one)) for one in (before, after)):
        return False
    data = _filters.decoded(before, MAX_STREAM_BYTES)
    return data is not None and data == _filters.decoded(after, MAX_STREAM_BYTES)
