"""Markup that refers to what is made: elements with their values escaped, URLs of files, as HTML has them."""

import html
import os
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import quote

from msgspec import Meta

from mediamill.operations.images._params import Format

BaseUrl = Annotated[
    str, Meta(max_length=2000, description="Put before file names in URLs, with a slash between: /img, https://...")
]

MIME_TYPES: dict[Format, str] = {
    "png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp", "avif": "image/avif", "gif": "image/gif",
    "ico": "image/x-icon", "tiff": "image/tiff",
}  # fmt: skip
"""What browsers call each format."""

_KEPT_IN_BASES = "!#$%&'*+/:;=?@[]~"
"""All that is legal in a URL, but for a comma and brackets, which end it in srcset and CSS, and not escaped by us."""


def element(name: str, attributes: Mapping[str, str | int | None]) -> str:
    """Return a start tag; attributes that are None are left out, all values are escaped."""
    given = (f' {key}="{_escaped(str(value))}"' for key, value in attributes.items() if value is not None)
    return f"<{name}{''.join(given)}>"


def _escaped(value: str) -> str:
    """Escape a value; the zero character, which HTML cannot say, becomes what browsers make of it."""
    return html.escape(value.replace("\0", "\ufffd"))


def url_of(base: str, name: str) -> str:
    """Return the URL of a file.

    Args:
        base: What stands before it, a slash more or less; empty: the file is beside the page. It is taken as a URL, so
            `%20` stays what it is.
        name: The file's name. It is taken as it is on disk, so everything but letters, digits and `-._~` is escaped.
    """
    escaped = quote(os.fsencode(name), safe="")
    if not base:
        return escaped
    return quote(base, safe=_KEPT_IN_BASES).removesuffix("/") + "/" + escaped
