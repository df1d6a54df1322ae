"""What a content stream shows in which font, read in one pass of a regular expression.

Only what is written without any doubt is read: whatever is not, is left to a parser that takes its time.
"""

import itertools
import re
import struct

from mediamill.operations.documents import _content_tokens
from mediamill.operations.documents._content_tokens import BLANK, END, HEX, REGULAR, Unclear

Step = tuple[bytes, bytes]
"""What happens: `q` or `Q`; `Tf` or `gs` with a name; `Tj` with a part of the stream in which all strings are shown."""

_PLAIN_NAME = rb"/[^\0-\40()<>\[\]{}/%#\x7f-\xff]++"
_NUMBER = rb"[-+.\d]++"
_FLAT = rb"[^()\\]*+"
_DEEPER = rb"\(%b(?:(?:\\.|\(%b(?:\\.%b)*+\))%b)*+\)" % (_FLAT, _FLAT, _FLAT, _FLAT)
_LITERAL = rb"\(%b(?:(?:\\.|%b)%b)*+\)" % (_FLAT, _DEEPER, _FLAT)
_ARRAY = rb"\[(?:%b|[-+.\d\0\t\n\f\r ]++|%b)*+\]" % (_LITERAL, HEX)
_SHOWN = rb"(?:%b|%b|%b)%b*+(?:T[jJ]|['\"])%b" % (_ARRAY, _LITERAL, HEX, BLANK, END)
_DASHES = rb"\[[-+.\d\0\t\n\f\r ]*+\]"
_OTHERS = rb"(?!(?:[qQ]|T[fjJ]|gs|BI|ID|EI)%b)[A-Za-z][A-Za-z0-9*]*+%b" % (END, END)
_SIZED = rb"%b++%b%b++Tf%b" % (BLANK, _NUMBER, BLANK, END)
_STATE = rb"%b*+gs%b" % (BLANK, END)
_NAME = rb"/%b*+(?!%b|%b)" % (REGULAR, _SIZED, _STATE)
_IN_DICTIONARY = rb"[^<>()%%]++|%b|%b" % (_LITERAL, HEX)
_DICTIONARY = rb"<<(?:%b|<<(?:%b)*+>>)*+>>" % (_IN_DICTIONARY, _IN_DICTIONARY)
_BETWEEN = rb"%b(?:%b++|%b)|%b++|%b|%b|%b|%b" % (_NUMBER, BLANK, END, BLANK, _SHOWN, _OTHERS, _NAME, _DASHES)
_STEP = re.compile(
    rb"(%b)%b|([qQ])%b|%b|(?:(%b)%b)?+((?:%b)++|\Z)|(.)"
    % (_PLAIN_NAME, _STATE, END, _DICTIONARY, _PLAIN_NAME, _SIZED, _BETWEEN),
    re.DOTALL,
)
_PLAIN = re.compile(rb"\(([^()\\\r]*+)\)")
_STRING = re.compile(rb"\(([^()\\\r]*+)\)|(%b|%b)" % (_LITERAL, HEX), re.DOTALL)


def steps(data: bytes) -> list[Step]:
    """Return what a content stream does with fonts, in order.

    Args:
        data: The stream, decoded.

    Raises:
        Unclear: It is not certain how it is to be read.
    """
    found = list[Step]()
    for match in _STEP.finditer(data):  # one by one: behind what is unclear, a string may seem to begin anywhere
        state, saved, font, between, wrong = match.groups(b"")
        if font:
            found.append((b"Tf", font))
        if b"(" in between or b"<" in between:
            found.append((b"Tj", between))
        elif saved:
            found.append((saved, b""))
        elif state:
            found.append((b"gs", state))
        elif wrong:
            raise Unclear
    return found


def codes(texts: list[bytes], width: int) -> set[int]:
    """Return the codes that the strings in parts of a content stream stand for, a code being one byte or two."""
    if width == 1:
        return set(b"".join(itertools.chain.from_iterable(map(_strings, _sorted(texts)))))
    found, pairs = set[int](), list[bytes]()
    for string in _strings(b" ".join(texts)):
        if len(string) % 2:
            found.add(string[-1])
        pairs.append(string[: len(string) & ~1])
    joined = b"".join(pairs)
    return found.union(struct.unpack(f">{len(joined) // 2}H", joined))


def _sorted(texts: list[bytes]) -> tuple[bytes, bytes]:
    """Return all that have nothing but characters in brackets, and the others."""
    plain, odd = list[bytes](), list[bytes]()
    for text in texts:
        (odd if b"\\" in text or b"<" in text or b"\r" in text else plain).append(text)
    return b" ".join(plain), b" ".join(odd)


def _strings(text: bytes) -> list[bytes]:
    if b"<" not in text:
        plain = _PLAIN.findall(text)
        if len(plain) == text.count(b"("):
            return plain
    return [_content_tokens.value(odd) if odd else plain for plain, odd in _STRING.findall(text)]
