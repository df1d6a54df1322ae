"""Bitrates as jobs write them."""

import re
from typing import Annotated, Any

from msgspec import Meta

from mediamill.protocol.errors import InvalidJob

Bitrate = Annotated[
    str | int,
    Meta(description='Bits a second: 2500000, "2M", "800k".'),
]

_BITRATE = re.compile(r"(\d+(?:\.\d+)?)\s*([kKmM]?)(?:bit/?s|bps|b/s)?")
_LEAST, _MOST = 1_000, 1_000_000_000


def parse_bitrate(value: Any, field: str) -> int | None:
    """Return bits a second; None for none.

    Args:
        value: A number, or text such as `2M` and `800k`.
        field: The field to blame.

    Raises:
        InvalidJob: It is no bitrate, or beyond 1 kb/s to 1 Gb/s.
    """
    if value is None:
        return None
    match = _BITRATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is not None:
        bits = round(float(match[1]) * {"": 1, "k": 1_000, "m": 1_000_000}[match[2].lower()])
    elif isinstance(value, int):
        bits = value
    else:
        bits = 0
    if not _LEAST <= bits <= _MOST:
        raise InvalidJob(
            f'Invalid value for {field!r}: expected bits a second such as "2M" or "800k", received {value!r}.',
            field=field,
            received=value,
            expected="1k to 1000M",
        )
    return bits
