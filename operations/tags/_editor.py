"""What goes through a file's metadata: a container's walk shows it each piece and takes back what is to stand there.

A container is walked by one function, whoever asks: what looks answers with the piece itself, what cuts with what is
left of it. So what is found and what is taken out are the same pieces.
"""

from typing import Protocol

from mediamill.operations.tags._read import Tree


class Editor(Protocol):
    """What walks through containers call.

    Attributes:
        turned: Whether the picture's orientation is being applied, so that what depends on it has to go.
    """

    turned: bool

    def header(self, width: int, height: int, *, obeys_exif: bool) -> None:
        """Take note of the picture's size in pixels as stored, and whether EXIF's orientation turns it."""

    def further(self) -> None:
        """Take note that what follows is said of further pictures in the file, not of the one that is shown."""

    def profile(self) -> None:
        """Take note that there is a colour profile."""

    def damaged(self, message: str) -> None:
        """Take note that the container is damaged; raises CorruptInput where it is to be rewritten."""

    def raw(self) -> None:
        """Take note that it is a camera's raw file; raises UnsupportedFormat where something is to be taken out."""

    def problem(self, message: str) -> None:
        """Take note of something wrong that does no harm."""

    def exif(self, block: bytes) -> bytes | None:
        """Return what is to stand for an EXIF block, which begins with its byte order mark; None for nothing."""

    def tiff(self, tree: Tree) -> bytes:
        """Return what is to stand for a TIFF file."""

    def xmp(self, packet: bytes, *, gain_map: bool = False) -> bytes | None:
        """Return what is to stand for an XMP packet; with a gain map beside it what says how that is used stays."""

    def photoshop(self, data: bytes) -> bytes | None:
        """Return what is to stand for Photoshop's resource blocks."""

    def iptc(self, data: bytes) -> bytes | None:
        """Return what is to stand for IPTC datasets."""

    def text(self, keyword: str, body: bytes) -> bool:
        """Return whether a comment stays."""

    def other(self, name: str, body: bytes, group: str = "") -> bool:
        """Return whether data that is no part of the picture stays.

        Args:
            name: What it is.
            body: The data.
            group: What it tells, where that is known.
        """
