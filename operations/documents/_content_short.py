"""Instructions of content streams written as short as they can be, without those that say what holds already."""

import itertools
from collections.abc import Iterable, Sequence

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

_FOLLOWED = frozenset((b"q", b"Q", b"cm", *_STATE, *_ALSO_SETS))
_NOTHING = b"1 0 0 1 0 0"
_OPENS, _CLOSES = frozenset(b"(<[/"), frozenset(b")>]")
_AT_ONCE = 1 << 12
"""Instructions that are in memory at a time."""


class _Writer:
    """Writes instructions with blanks only where two tokens would else be one, and without those that change nothing.

    These are a matrix of identity, a state set to what it has just been set to, an empty pair of saving and restoring.
    Each of them is left out only where the very same tokens, with nothing between that could have changed it, have
    said so before in the same stream.
    """

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._known: dict[bytes, Instruction] = {}
        self._saved: list[dict[bytes, Instruction]] = []
        self._held = 0  # saves of the state that nothing has come after yet
        self._is_closed = True  # what comes next needs no blank

    def write(self, instructions: Iterable[Instruction]) -> None:
        """Write instructions behind those that there are."""
        add, opens, closes = self._parts.append, _OPENS, _CLOSES
        for instruction in instructions:
            operands, operator = instruction
            if operator in _FOLLOWED and self._says_nothing(instruction):
                continue
            if self._held:
                self._write_held()
            if operator == INLINE:
                self._known, self._saved = {}, []
                add((b"" if self._is_closed else b" ") + operands + b"\n")
                self._is_closed = True
                continue
            if self._is_closed:
                self._is_closed = False
                add(operands)
                add(operator if not operands or operands[-1] in closes else b" " + operator)
            elif not operands:
                add(b" " + operator)
            elif operands[0] in opens:
                add(operands + operator if operands[-1] in closes else operands + b" " + operator)
            else:
                add(b" " + operands + operator if operands[-1] in closes else b" %b %b" % instruction)

    def finished(self) -> bytes:
        """Return all that was written."""
        self._write_held()
        return b"".join(self._parts)

    def _says_nothing(self, instruction: Instruction) -> bool:
        operands, operator = instruction
        if operator == b"q":
            self._saved.append(self._known.copy())
            self._held += 1
            return True
        if operator == b"Q":
            self._known = self._saved.pop() if self._saved else {}
            if self._held:
                self._held -= 1
                return True
        elif (what := _STATE.get(operator)) is not None:
            if self._known.get(what) == instruction:
                return True
            self._known[what] = instruction
        elif operator in _ALSO_SETS:
            for what in _ALSO_SETS[operator]:
                self._known.pop(what, None)
        else:
            return operands == _NOTHING
        return False

    def _write_held(self) -> None:
        saves = b" ".join([b"q"] * self._held)
        self._parts.append(saves if self._is_closed or not saves else b" " + saves)
        self._is_closed &= not saves
        self._held = 0


def shortened(data: bytes, parts: Sequence[int] = ()) -> bytes:
    """Return a content stream that says the same in fewer bytes.

    Args:
        data: The stream.
        parts: Where one of several streams ends that became it.

    Raises:
        Unclear: It is not certain how it is to be read.
    """
    return both(data, None, parts)[0]


def both(data: bytes, rounding: Rounding | None, parts: Sequence[int] = ()) -> tuple[bytes, bytes | None]:
    """Return a content stream that says the same in fewer bytes, and one that says what cannot be told from it.

    Args:
        data: The stream.
        rounding: Rounds its numbers.
        parts: Where one of several streams ends that became it.

    Returns:
        None in the place of the second where numbers cannot be rounded.

    Raises:
        Unclear: It is not certain how it is to be read.
    """
    spelled, rounded = _Writer(), _Writer()
    source = _content_tokens.instructions(data, parts)
    while some := list(itertools.islice(source, _AT_ONCE)):
        spelled.write(some)
        rounding = rounding if rounding is not None and _is_rounded(rounding, some, rounded) else None
    if rounding is not None:
        rounded.write(rounding.rest())
    return spelled.finished(), None if rounding is None else rounded.finished()


def _is_rounded(rounding: Rounding, instructions: list[Instruction], writer: _Writer) -> bool:
    """Write instructions rounded; return whether they could be."""
    try:
        writer.write(rounding.instructions(instructions))
    except (Unclear, ValueError, LookupError, OverflowError):  # operands that are none of what they have to be
        return False
    return True
