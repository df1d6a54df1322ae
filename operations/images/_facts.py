"""What a picture's headers say, and whether that is within the limits."""

from msgspec import Struct

from mediamill.operations.contract import Limits
from mediamill.protocol.errors import LimitExceeded


class Facts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a picture's headers say.

    Attributes:
        format: Long name, as sniffed; `svg` for compressed drawings too.
        width: Pixels as stored, before the orientation is applied.
        height: Likewise.
        orientation: EXIF's, 1..8.
        bands: Channels as decoded.
        alpha: Whether the last of them is alpha.
        interpretation: libvips' name of the colour space.
        depth: Bits per sample as stored.
        frames: Frames, pages or pictures in the file.
        animated: Whether they are frames in time that can be decoded.
        delays: Milliseconds each frame is shown.
        loop: How often the animation runs, 0 for ever.
        icc: The embedded profile, or one made of the numbers the file has in its place.
        density: Pixels per millimetre.
        scans: Of a progressive JPEG.
        hdr: `pq` or `hlg` where the light is coded for HDR, and its primaries by ITU-T H.273.
        gain_map: Whether there is a gain map, which makes the picture brighter on HDR screens.
        screen: What other readers take for a GIF's size: what its frames reach over, at least.
        has_exif, has_xmp, has_iptc: Whether there is such metadata.
    """

    format: str
    width: int
    height: int
    orientation: int = 1
    bands: int = 3
    alpha: bool = False
    interpretation: str = "srgb"
    depth: int = 8
    frames: int = 1
    animated: bool = False
    delays: tuple[int, ...] = ()
    loop: int = 0
    icc: bytes | None = None
    density: float = 0.0
    scans: int = 1
    hdr: tuple[str, int] | None = None
    has_exif: bool = False
    has_xmp: bool = False
    has_iptc: bool = False
    gain_map: bool = False
    screen: tuple[int, int] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels as the picture is meant to be seen."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)

    @property
    def vector(self) -> bool:
        """Whether the picture has no pixels of its own."""
        return self.format == "svg"


def check_budget(facts: Facts, limits: Limits) -> None:
    """Raise LimitExceeded where decoding a picture would cost more than the limits allow.

    A drawing costs what it is rendered at, so only its outputs are held against the limits.
    """
    if facts.vector:
        return
    width, height = facts.screen or (facts.width, facts.height)
    pixels = width * height
    size = f"{width}x{height} pixels"
    check("max_side", max(width, height), limits.max_side, f"The picture has {size}")
    check("max_pixels", pixels, limits.max_pixels, f"The picture has {size}, {pixels} in all")
    check("max_frames", facts.frames, limits.max_frames, "The picture's frames or pages number")
    if facts.animated:
        total = pixels * facts.frames
        check("max_frame_pixels", total, limits.max_frame_pixels, f"The {facts.frames} frames of {size} have")
    check("max_scans", facts.scans, limits.max_scans, "The JPEG's scans number")


def check(name: str, value: int, limit: int, subject: str) -> None:
    """Raise LimitExceeded where a value is above a limit.

    Args:
        name: The limit's.
        value: What it is about.
        limit: The most it may be.
        subject: The beginning of a sentence about it, which may hold the value already.
    """
    if value > limit:
        amount = "" if str(value) in subject else f" {value}"
        raise LimitExceeded(
            f"{subject}{amount}, above {name} = {limit}.", received=value, expected=f"at most {limit} ({name})"
        )
