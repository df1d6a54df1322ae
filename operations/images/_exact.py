"""Whether two files show the same pixels, found out by decoding both."""

from typing import TYPE_CHECKING

from mediamill.operations.images._source import Source

if TYPE_CHECKING:
    import pyvips

_MONO, _COLOURED = ("b-w", "grey16"), ("srgb", "rgb16")


def same_pixels(one: Source, other: Source) -> bool:
    """Return whether two files decode to the same samples, what is hidden under full transparency included.

    Ways to store a sample are not told apart: grey and three equal bands, eight bits and sixteen with the same byte
    twice, no alpha and alpha that hides nothing. Animations need the same frames, delays and loops.

    Raises:
        pyvips.Error: One of them is damaged.
        CorruptInput: Likewise, of one Pillow decodes.
    """
    first, second = one.facts, other.facts
    if (first.width, first.height, first.orientation) != (second.width, second.height, second.orientation):
        return False
    if (first.frames, first.delays, first.loop) != (second.frames, second.delays, second.loop):
        return False
    frames = first.animated or (first.format == "tiff" and first.frames > 1)
    return same_samples(one.load(frames=frames), other.load(frames=frames))


def same_samples(one: "pyvips.Image", other: "pyvips.Image") -> bool:
    """Do the same for decoded pictures."""
    one, other = _alike(one, other), _alike(other, one)
    if (one.width, one.height, one.bands, one.format) != (other.width, other.height, other.bands, other.format):
        return False
    differs: float = (one != other).max()
    return differs == 0


def _alike(image: "pyvips.Image", other: "pyvips.Image") -> "pyvips.Image":
    """Return an image with as many bands and bits as another, as far as that takes no rounding."""
    if image.interpretation in _MONO and other.interpretation in _COLOURED:
        grey = image.extract_band(0)
        rest = [image.extract_band(1)] if image.hasalpha() else []
        image = grey.bandjoin([grey, grey, *rest]).copy(interpretation=other.interpretation)
    if image.format == "uchar" and other.format == "ushort":
        image = (image * 257).cast("ushort")
    if other.hasalpha() and image.bands == other.bands - 1:
        image = image.bandjoin(65_535 if image.format == "ushort" else 255)
    return image
