"""The tokens of content streams, each in its shortest spelling, read in one pass of a regular expression.

Nothing here guesses. A stream with anything in it that two readers may read differently (a number like `--5` or `1-2`,
an unknown operator, brackets that do not match, an inline image whose end is in doubt) is `Unclear`, and whoever asked
leaves it as it is.
"""

import re
from collections.abc import Iterator, Sequence

Instruction = tuple[bytes, bytes]
"""Operands, as short as can be with what blanks are needed between them, and the operator behind them."""

INLINE = b"BI"
"""Operator under which an inline image comes as the operand: all from `BI` to `EI`, byte for byte."""

BLANK = rb"[\0\t\n\f\r ]"
END = rb"(?=[\0\t\n\f\r ()<>\[\]{}/%]|\Z)"
REGULAR = rb"[^\0\t\n\f\r ()<>\[\]{}/%]"
_NUMBER = rb"[+-]?+(?:\d++(?:\.\d*+)?+|\.\d++)"
_FLAT = rb"[^()\\]++|\\."
_WITHIN = rb"(?:%b|\((?:%b|\((?:%b)*+\))*+\))*+" % (_FLAT, _FLAT, _FLAT)
_STRING = rb"\(%b\)" % _WITHIN
HEX = rb"<[0-9A-Fa-f\0\t\n\f\r ]*+>"
_ARRAY = rb"\[(?:%b++|%b%b|%b|%b)*+\]" % (BLANK, _NUMBER, END, _STRING, HEX)
_IN_DICTIONARY = rb"[^<>()%%]++|%b|%b" % (_STRING, HEX)
_DICTIONARY = rb"<<(?:%b|<<(?:%b|<<(?:%b)*+>>)*+>>)*+>>" % (_IN_DICTIONARY, _IN_DICTIONARY, _IN_DICTIONARY)

_SHORT = rb"(?:0|-?(?:[1-9]\d*+(?:\.\d*+(?<=[1-9]))?+|\.\d*+(?<=[1-9])))"
_SHORTS = rb"%b(?: %b)*+" % (_SHORT, _SHORT)
_SHORT_TEXT = rb"[^()\\\r]*+"
_ARRAY_AROUND = rb"\[(?:%b(?=[(<\]])|\(%b\)|<[0-9A-Fa-f]*+>)*+\]"
_SHORT_ARRAY = rb"%b(?:%b(?=%b))?+" % (_ARRAY_AROUND % (_SHORTS, _SHORT_TEXT), _SHORT, BLANK)
_SHORT_OPERANDS = rb"(?:%b|/%b*+(?: %b)*+)(?=%b)|%b|\(%b\)" % (
    _SHORTS, REGULAR, _SHORT, BLANK, _SHORT_ARRAY, _SHORT_TEXT,
)  # fmt: skip
"""What is as short as can be already: an instruction that has such operands is one match."""

_NAMED = rb"([A-Za-z'\"][A-Za-z0-9*]*+)%b" % END
_TOKEN = re.compile(
    rb"%b*+(?:(%b)?+%b*+%b|((?:%b%b++)++)%b|(/%b*+)|(%b)|(%b)|(%b)|(%b)|(%%[^\r\n]*+)|((?:%b%b%b*+)++)|\Z|(.))"
    % (
        *(BLANK, _SHORT_OPERANDS, BLANK, _NAMED, _NUMBER, BLANK, _NAMED, REGULAR),
        *(_ARRAY, _STRING, HEX, _DICTIONARY, _NUMBER, END, BLANK),
    ),
    re.DOTALL,
)
_OPERANDS, _OPERATOR, _NUMBERS, _BEHIND = range(1, 5)
_NAME, _LIST, _LITERAL, _HEXADECIMAL, _DICT, _COMMENT, _LONE, _NONE = range(5, 13)
_MAY_HAVE_BLANKS = {_OPERATOR: _OPERANDS, **{kind: kind for kind in (_LIST, _LITERAL, _HEXADECIMAL, _DICT, _COMMENT)}}
"""The group with blanks in it, by the last group of a match."""

_BUT_TEXT = re.compile(_ARRAY_AROUND % (_SHORTS, _WITHIN), re.DOTALL)
_LONG_STRING = re.compile(rb"(?=\(%b[(\\\r])%b" % (_SHORT_TEXT, _STRING), re.DOTALL)
_ITEM = re.compile(rb"%b|%b|%b" % (_NUMBER, _STRING, HEX), re.DOTALL)
_INLINE_HEAD = re.compile(rb"(?:[^()%%<]|%b|<<|%b)*?%bID%b" % (_STRING, HEX, BLANK, BLANK), re.DOTALL)
_INLINE_END = re.compile(rb"(?<=%b)EI(?=%b|\Z)" % (BLANK, BLANK))
_ANY_END = re.compile(rb"EI")
_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|(\r\n?|\n)|(.))|\r\n?", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_SPECIAL = re.compile(rb"[\\()\r]")
_AROUND = re.compile(rb"%b*([<>\[\]/])%b*" % (BLANK, BLANK))
_BLANKS = re.compile(rb"%b+" % BLANK)
_OPERATORS = frozenset(
    b"b B b* B* BDC BMC BT BX c cm CS cs d d0 d1 Do DP EMC ET EX f F f* G g gs h i j J K k l m M MP n q Q re RG rg ri"
    b" s S sc SC scn SCN sh T* Tc Td TD Tf Tj TJ TL Tm Tr Ts Tw Tz v w W W* y ' \"".split()
)
_BRACKET = ord("(")
_OPENS_STRING = b"(<"
_OPENS, _CLOSES = frozenset(b"(<[/"), frozenset(b")>]")
_WHOLE = frozenset((b"J", b"j", b"Tr"))
"""Operators of integers: there `1.0` is not `1` to every reader."""

_LONGEST_INTEGER = 9
"""Digits a number may have to lose its fraction: a longer integer is not one to every reader."""


class Unclear(Exception):
    """A content stream has something in it that is not certain to be read by all as it is read here."""


class _Numbers(dict[bytes, bytes]):
    """The shortest spelling of each number."""

    def __missing__(self, token: bytes) -> bytes:
        if len(self) > _MOST_SPELLINGS:
            self.clear()
        self[token] = found = shortest(token)
        return found


_MOST_SPELLINGS = 1 << 14
_SHORTEST = _Numbers()

_MOST_OPERANDS = 1 << 16
"""Bytes of an instruction's operands, or of an array."""


def shortest(number: bytes) -> bytes:
    """Return the shortest spelling of a number: the same digits but for zeros and signs that say nothing."""
    negative, digits = number[:1] == b"-", number.lstrip(b"+-")
    whole, _, fraction = digits.partition(b".")
    whole, fraction = whole.lstrip(b"0"), fraction.rstrip(b"0")
    if b"." in digits and not fraction and len(whole) > _LONGEST_INTEGER:
        return number
    if not whole and not fraction:
        return b"0"
    return (b"-" if negative else b"") + whole + (b"." + fraction if fraction else b"")


def instructions(data: bytes, parts: Sequence[int] = ()) -> Iterator[Instruction]:
    """Yield the instructions of a content stream, spelled as short as can be.

    Args:
        data: The stream, decoded.
        parts: Where one of several streams ends that became it, rising; no token may go on behind.

    Raises:
        Unclear: It is not certain how it is to be read.
    """
    at, known, operator = 0, _OPERATORS, b""
    pictures = INLINE in data and re.search(rb"BI" + END, data) is not None
    operands: list[bytes] = []
    seams = iter([*parts, len(data) + 2])
    seam = next(seams)
    while at >= 0:
        for found in _TOKEN.finditer(data, at):
            kind = found.lastindex
            if parts and found.end() >= seam:
                seam = _next_seam(found, seam, seams)
            if kind == _OPERATOR and not operands:
                short, operator = found.group(_OPERANDS, _OPERATOR)
                if operator not in known:
                    break
                if not pictures or not short:
                    yield short or b"", operator
                    continue
            elif kind in (_OPERATOR, _BEHIND):
                short, operator = found.group(_OPERANDS, kind)
                if operator not in known:
                    break
            elif kind is None:
                continue
            else:
                _operand(operands, found[kind], kind, pictures)
                continue
            if short:
                _operand(operands, short, _NAME if short[:1] == b"/" else _OPERANDS, pictures)
            yield _spelled(operands, found[_NUMBERS], operator), operator
            operands = []
        else:
            break
        if operator != INLINE or operands or found[_OPERANDS] or found[_NUMBERS]:
            raise Unclear(f"there is an operator {operator!r}")
        begin, at = found.end() - len(INLINE), _inline_end(data, found.end())
        if seam < at:
            raise Unclear("an inline image goes on from one stream to the next")
        yield data[begin:at], operator
    if operands:
        raise Unclear("it ends without an operator")


def _next_seam(found: re.Match[bytes], seam: int, seams: Iterator[int]) -> int:
    """Return the first seam behind a match."""
    inside = _MAY_HAVE_BLANKS.get(found.lastindex or 0, 0)
    while found.end() >= seam:
        if inside and found.start(inside) < seam < found.end(inside) + (inside == _COMMENT):
            raise Unclear("a token goes on from one stream to the next")
        seam = next(seams)
    return seam


def _spelled(operands: list[bytes], numbers: bytes | None, operator: bytes) -> bytes:
    """Return operands, and the numbers behind them, as one."""
    if numbers:
        tokens = _split(numbers)
        operands += tokens if operator in _WHOLE else [_SHORTEST[token] for token in tokens]
    found = b"".join(operands[:1])
    for operand in operands[1:]:
        found += operand if found[-1] in _CLOSES or operand[0] in _OPENS else b" " + operand
    return found


def _operand(operands: list[bytes], token: bytes, kind: int, pictures: bool) -> None:
    if pictures and kind != _NAME and _ANY_END.search(token):  # may be the end of a picture taken to have ended before
        raise Unclear("it is not certain where an inline image ends")
    if kind in (_NAME, _OPERANDS):
        operands.append(token)
    elif kind == _LIST:
        if len(token) > _MOST_OPERANDS:
            raise Unclear("an array is very long")
        operands.append(array(token))
    elif kind == _LITERAL:
        operands.append(literal(token))
    elif kind == _HEXADECIMAL:
        operands.append(hexadecimal(token))
    elif kind == _DICT:
        operands.append(_dictionary(token))
    elif kind == _LONE:
        operands += [_SHORTEST[number] for number in _split(token)]
    elif kind == _NONE:
        raise Unclear("there is something that is no token")
    elif pictures:
        raise Unclear("there are comments beside inline images")


def _inline_end(data: bytes, at: int) -> int:
    head = _INLINE_HEAD.match(data, at)
    end = _INLINE_END.search(data, head.end() - 1) if head else None
    if end is None:
        raise Unclear("an inline image does not end")
    return end.end()


def _split(numbers: bytes) -> list[bytes]:
    if len(numbers) > _MOST_OPERANDS:
        raise Unclear("an instruction has very many operands")
    return numbers.replace(b"\0", b" ").split()


def array(token: bytes) -> bytes:
    """Return an array of numbers and strings in its shortest spelling."""
    if _BUT_TEXT.fullmatch(token):
        return _LONG_STRING.sub(lambda found: literal(found[0]), token)
    parts = list[bytes]()
    after_number = False
    for item in _ITEM.findall(token):
        if item[0] in _OPENS_STRING:
            parts.append(literal(item) if item[0] == _BRACKET else hexadecimal(item))
            after_number = False
        else:
            parts.append(b" " + _SHORTEST[item] if after_number else _SHORTEST[item])
            after_number = True
    return b"[%b]" % b"".join(parts)


def _dictionary(token: bytes) -> bytes:
    if b"(" in token:
        return token
    return _BLANKS.sub(b" ", _AROUND.sub(rb"\1", token))


def hexadecimal(token: bytes) -> bytes:
    """Return a string that is written in hexadecimal digits without the blanks between them.

    It is not written in brackets, where it would be half as long: packed, two digits that often come one behind the
    other take fewer bits than one byte of a code of two, by half a percent over documents.
    """
    return b"".join(token.split()) if b"\0" not in token else _BLANKS.sub(b"", token)


def literal(token: bytes) -> bytes:
    """Return a string that is written in brackets in the shorter spelling."""
    if b"\\" not in token and b"\r" not in token and b"(" not in token[1:]:
        return token
    return spelled(value(token))


def value(token: bytes) -> bytes:
    """Return the bytes of a string, whichever way it is written."""
    if token[:1] == b"<":
        digits = _BLANKS.sub(b"", token[1:-1])
        return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode("ascii"))
    return _ESCAPE.sub(_unescaped, token[1:-1]) if b"\\" in token or b"\r" in token else token[1:-1]


def _unescaped(found: re.Match[bytes]) -> bytes:
    octal, end_of_line, character = found.groups()
    if octal:
        return bytes([int(octal, 8) & 0xFF])
    if character:
        return _ESCAPED.get(character, character)
    return b"" if end_of_line else b"\n"


def spelled(text: bytes) -> bytes:
    """Return a string's shorter spelling; in brackets where both are as long."""
    special = len(_SPECIAL.findall(text))
    if not special:
        return b"(%b)" % text
    if len(text) + special > 2 * len(text):
        return b"<%b>" % text.hex().encode("ascii")
    return b"(%b)" % _SPECIAL.sub(lambda found: b"\\r" if found[0] == b"\r" else b"\\" + found[0], text)
