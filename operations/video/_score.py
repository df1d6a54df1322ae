"""How telling a frame is: sharp, rich in contrast and colour, and neither black, white nor one plain surface.

Sharpness is the mean gradient, contrast the spread of luma, richness the entropy of its histogram, colourfulness that
of Hasler and Suesstrunk (2003). Each is brought to 0..1 by what ordinary films have.
"""

from typing import Any

from msgspec import Struct

from mediamill.operations.video._shots import Shot

_WIDTH = 256
"""Pixels a frame is scaled down to before it is looked at."""

_LUMA = (0.299, 0.587, 0.114)
_DARK, _BRIGHT = 32, 235
_BLANK_SPREAD = 20
"""Levels between the darkest and brightest half per cent of a frame below which it shows nothing."""

_BLACK_SHARE = 0.985
"""Share of dark pixels from which a frame counts as black, whatever speck is in it."""

_OPENING_SECONDS, _EDGE_SHARE = 2.0, 0.04


class Score(Struct, frozen=True):
    """What a frame is worth.

    Attributes:
        value: 0..1, the more telling the more; below 0.05 for frames that show nothing.
        black: Whether it is black.
        blank: Whether it shows nothing: black, white, or one plain surface.
    """

    value: float
    black: bool
    blank: bool


def rate(shot: Shot) -> Score:
    """Return what a frame is worth by its picture alone."""
    import numpy as np

    pixels = _small(shot.frame)
    luma = pixels @ np.array(_LUMA, np.float32)
    low, high = np.percentile(luma, (0.5, 99.5))
    dark = float((luma < _DARK).mean())
    bright = float((luma > _BRIGHT).mean())
    black = dark >= _BLACK_SHARE
    blank = black or bool(high - low < _BLANK_SPREAD)
    counts = np.bincount((luma / 4).astype(np.int64).ravel(), minlength=64).astype(np.float64)
    shares = counts / counts.sum()
    present = shares[shares > 0]
    entropy = float(-(present * np.log2(present)).sum()) / 6
    plain = float(np.convolve(shares, np.ones(3), "same").max())
    gradient = float(np.abs(np.diff(luma, axis=0)).mean() + np.abs(np.diff(luma, axis=1)).mean())
    worth = (
        0.35 * min(1.0, gradient / 24)
        + 0.25 * entropy
        + 0.2 * min(1.0, float(luma.std()) / 64)
        + 0.2 * min(1.0, _colourfulness(pixels) / 60)
    )
    worth *= _falling(dark, 0.5) * _falling(bright, 0.5) * _falling(plain, 0.5)
    return Score(0.04 * worth if blank else worth, black, blank)


def placed(score: Score, time: float, duration: float) -> float:
    """Return a score in which titles and credits, at the film's first seconds and very end, count for less."""
    edge = _EDGE_SHARE * duration
    opening = min(_OPENING_SECONDS, duration / 4)
    if time < max(opening, edge):
        return score.value * 0.75
    return score.value * 0.85 if duration and time > duration - edge else score.value


def _small(frame: Any) -> Any:
    """Return a frame's RGB, scaled down, floats of 0..255 of shape (height, width, 3)."""
    import numpy as np

    width = min(_WIDTH, frame.width)
    height = max(2, round(frame.height * width / frame.width))
    small = frame.reformat(width=width, height=height, format="rgb24", interpolation="AREA", threads=1)
    return small.to_ndarray().astype(np.float32)


def _colourfulness(pixels: Any) -> float:
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    one, other = red - green, (red + green) / 2 - blue
    spread = (one.std() ** 2 + other.std() ** 2) ** 0.5
    return float(spread + 0.3 * (one.mean() ** 2 + other.mean() ** 2) ** 0.5)


def _falling(share: float, free: float) -> float:
    """Return 1 up to a share and less beyond it, down to 0 at all."""
    return 1.0 if share <= free else (1.0 - share) / (1.0 - free)
