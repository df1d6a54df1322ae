"""The containers metadata is read from and cut out of, by the format's name."""

from collections.abc import Callable, Mapping

from mediamill.operations.contract import Blob
from mediamill.operations.tags import _heif, _jpeg, _png, _tiff, _webp
from mediamill.operations.tags._cut import Cut
from mediamill.operations.tags._editor import Editor
from mediamill.operations.tags._look import Look
from mediamill.protocol.errors import UnsupportedFormat
from mediamill.protocol.results import text

Walk = Callable[[bytes, Editor], bytes]

WALKS: Mapping[str, Walk] = {
    "jpeg": _jpeg.walk,
    "png": _png.walk,
    "webp": _webp.walk,
    "tiff": _tiff.walk,
    "avif": _heif.walk,
    "heic": _heif.walk,
}
SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "jpeg": ("jpg", "jpeg", "jpe", "jfif", "insp"),
    "png": ("png", "apng"),
    "webp": ("webp",),
    "tiff": ("tif", "tiff", "dng"),
    "avif": ("avif", "avifs"),
    "heic": ("heic", "heif", "hif", "heics"),
}
"""The suffixes of each format's files, the usual one first."""


def look(opened: Blob) -> Look:
    """Return what a file's metadata says.

    Args:
        opened: The file.

    Raises:
        UnsupportedFormat: It is of a kind whose metadata is not read here.
        CorruptInput: There is no picture in it.
    """
    walk = WALKS.get(opened.kind.format)
    if walk is None:
        raise UnsupportedFormat(
            f"Input is {opened.kind.description}, whose metadata this operation does not read: "
            f"{text(opened.name, 200)}",
            field="input",
            received=opened.kind.format or None,
            expected="one of " + ", ".join(WALKS),
        )
    seen = Look()
    walk(opened.data, seen)
    return seen


def cut(opened: Blob, editor: Cut) -> bytes:
    """Return a file whose kind `look` takes, with an editor's answers in the place of its metadata.

    Raises:
        CorruptInput: It is damaged or cut short.
    """
    return WALKS[opened.kind.format](opened.data, editor)
