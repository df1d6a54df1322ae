"""Instructions of content streams written as short as they can be, without those that say what holds already."""

from collections.abc import Iterable, Iterator, Sequence

from mediamill.operations.documents import _content_tokens
from mediamill.operations.documents._content_round import Rounding
from mediamill.operations.documents._content_tokens import INLINE, Instruction, Unclear

_STATE = {
    b"g": b"fill", b"rg": b"fill", b"k": b"fill", b"G": b"stroke", b"RG": b"stroke", b"K": b"stroke", b"w": b"w",
    b"J": b"J", b"j": b"j", b"M": b"M", b"d": b"d", b"i": b"i", b"ri": b"ri", b"Tc": b"Tc", b"Tw": b"Tw",
    b"Tz": b"Tz", b"TL": b"TL", b"Ts": b"Ts", b"Tf": b"Tf",
}  # fmt: skip
"""What each operator sets, that stays as it is until another one sets it."""

_ALSO_SETS = {
    b"cs": (b"fill",), b"sc": (b"fill",), b"scn": (b"fill",), b"CS": (b"stroke",), b"SC": (b"stroke",),
    b"SCN": (b"stroke",), b"TD": (b"TL",), b'"': (b"Tw", b"Tc"),
    b"gs": (b"w", b"J", b"j", b"M", b"d", b"i", b"ri", b"Tf", b"fill", b"stroke"),
}  # fmt: skip
"""What other operators set as well, to what is not followed up."""

_FOLLOWED = frozenset((b"q", b"Q", b"cm", INLINE, *_STATE, *_ALSO_SETS))
_OF_NUMBERS = frozenset(b"m l c v y re cm Td TD Tm w g G rg RG".split())
"""Operators that have nothing but numbers before them."""

_HELD: list[Instruction] = [([], b"q")]
_NOTHING = [b"1", b"0", b"0", b"1", b"0", b"0"]
_DELIMITERS = frozenset(b"()<>[]/")


def spelled(instructions: Iterable[Instruction]) -> Iterator[Instruction]:
    """Yield instructions with their arrays, too, spelled as short as can be."""
    for operands, operator in instructions:
        if operator in (b"TJ", b"d") and operands and operands[0][:1] == b"[":
            operands[0] = _content_tokens.array(operands[0])
        yield operands, operator


def necessary(instructions: Iterable[Instruction]) -> Iterator[Instruction]:
    """Leave out what changes nothing: a matrix of identity, a state set to what it has just been set to, an empty pair.

    Each of them is left out only where the very same tokens, with nothing between that could have changed it, have
    said so before in the same stream.
    """
    known: dict[bytes, tuple[bytes, list[bytes]]] = {}
    saved: list[dict[bytes, tuple[bytes, list[bytes]]]] = []
    held = 0  # saves of the state that nothing has come after yet
    for operands, operator in instructions:
        if operator not in _FOLLOWED:
            if held:
                yield from _HELD * held
                held = 0
            yield operands, operator
            continue
        if operator == b"q":
            saved.append(known.copy())
            held += 1
            continue
        if operator == b"Q":
            known = saved.pop() if saved else {}
            if held:
                held -= 1
                continue
        elif (what := _STATE.get(operator)) is not None:
            if known.get(what) == (operator, operands):
                continue
            known[what] = (operator, operands)
        elif operator in _ALSO_SETS:
            for what in _ALSO_SETS[operator]:
                known.pop(what, None)
        elif operator == INLINE:
            known, saved = {}, []
        elif operator == b"cm" and operands == _NOTHING:
            continue
        yield from _HELD * held
        held = 0
        yield operands, operator
    yield from _HELD * held


def written(instructions: Iterable[Instruction]) -> bytes:
    """Return instructions as a content stream, with blanks only where two tokens would else be one."""
    parts = list[bytes]()
    add = parts.append
    closed = True
    for operands, operator in instructions:
        if operator in _OF_NUMBERS and operands:
            add(b"%b %b" % (b" ".join(operands), operator) if closed else b" %b %b" % (b" ".join(operands), operator))
            closed = False
            continue
        for operand in operands:
            if not closed and operand[0] not in _DELIMITERS:
                add(b" ")
            add(operand)
            closed = operand[-1] in _DELIMITERS
        if operator == INLINE:
            add(b"\n")
            closed = True
            continue
        if not closed:
            add(b" ")
        add(operator)
        closed = False
    return b"".join(parts)


def shortened(data: bytes, parts: Sequence[int] = ()) -> bytes:
    """Return a content stream that says the same in fewer bytes.

    Args:
        data: The stream.
        parts: Where one of several streams ends that became it.

    Raises:
        Unclear: It is not certain how it is to be read.
    """
    return written(necessary(spelled(_content_tokens.instructions(data, parts))))


def rounded(data: bytes, rounding: Rounding, parts: Sequence[int] = ()) -> bytes:
    """Return a content stream that says what cannot be told from it in fewer bytes.

    Args:
        data: The stream.
        rounding: Rounds its numbers.
        parts: Where one of several streams ends that became it.

    Raises:
        Unclear: It is not certain how it is to be read.
    """
    try:
        return written(necessary(rounding.instructions(spelled(_content_tokens.instructions(data, parts)))))
    except (ValueError, LookupError, OverflowError) as error:  # operands that are none of what they have to be
        raise Unclear(str(error)) from error
