"""How sizes and scores usually grow with an encoder's quality: what a search for a quality starts from.

Measured at the default efforts on 31 photos (AVIF and scores: 16 to 24 of them) of 280 to 1,100 pixels. They only
decide how many encodes a search takes, never what it finds.
"""

import functools
import math

from mediamill.operations.images._params import Format

_QUALITIES = range(1, 101)

_LOG_BYTES: dict[Format, tuple[int, ...]] = {
    "jpeg": (
        -4275, -4274, -4182, -4020, -3870, -3736, -3619, -3517, -3428, -3347, -3276, -3213, -3145, -3097, -3047,
        -2997, -2950, -2910, -2876, -2843, -2806, -2773, -2742, -2712, -2684, -2656, -2629, -2602, -2583, -2559,
        -2537, -2518, -2495, -2482, -2459, -2440, -2428, -2405, -2389, -2382, -2358, -2345, -2335, -2314, -2302,
        -2282, -2276, -2260, -2238, -2235, -2231, -2206, -2190, -2183, -2170, -2156, -2138, -2121, -2112, -2101,
        -2080, -2069, -2050, -2040, -2019, -2004, -1989, -1968, -1950, -1930, -1909, -1896, -1872, -1843, -1839,
        -1816, -1783, -1755, -1738, -1708, -1677, -1651, -1612, -1585, -1555, -1513, -1486, -1438, -1404, -1095,
        -1042, -998, -924, -838, -751, -628, -509, -380, -134, 99,
    ),
    "webp": (
        -3714, -3611, -3534, -3469, -3415, -3373, -3330, -3290, -3257, -3220, -3186, -3161, -3131, -3107, -3081,
        -3053, -3033, -3011, -2987, -2964, -2943, -2925, -2903, -2883, -2862, -2843, -2822, -2806, -2788, -2771,
        -2753, -2734, -2717, -2700, -2687, -2673, -2656, -2641, -2620, -2610, -2599, -2583, -2570, -2555, -2541,
        -2532, -2520, -2507, -2493, -2483, -2473, -2461, -2450, -2443, -2432, -2418, -2408, -2395, -2387, -2375,
        -2365, -2355, -2344, -2331, -2326, -2313, -2303, -2293, -2283, -2270, -2258, -2246, -2237, -2224, -2213,
        -2178, -2142, -2104, -2071, -2033, -1998, -1957, -1922, -1880, -1837, -1795, -1746, -1695, -1647, -1588,
        -1537, -1483, -1415, -1346, -1272, -1188, -1114, -1024, -963, -640,
    ),
    "avif": (
        -4172, -4138, -4104, -4071, -4037, -4003, -3969, -3935, -3902, -3868, -3834, -3800, -3767, -3733, -3699,
        -3665, -3631, -3598, -3564, -3530, -3496, -3462, -3429, -3395, -3361, -3327, -3294, -3260, -3260, -3202,
        -3202, -3142, -3142, -3085, -3025, -3025, -2971, -2971, -2906, -2851, -2851, -2795, -2795, -2739, -2645,
        -2645, -2587, -2587, -2530, -2477, -2477, -2426, -2426, -2372, -2320, -2275, -2275, -2231, -2184, -2136,
        -2136, -2095, -2058, -2021, -2021, -1986, -1903, -1864, -1864, -1838, -1806, -1778, -1778, -1749, -1713,
        -1680, -1680, -1643, -1606, -1566, -1566, -1533, -1485, -1446, -1446, -1405, -1325, -1278, -1278, -1144,
        -1064, -976, -976, -879, -755, -638, -638, -476, -305, 171,
    ),
}  # fmt: skip
"""Thousandths of the natural logarithm of bytes per pixel, for the qualities 1..100: trimmed means of the growth."""

_KNOTS = (1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 85, 89, 90, 95, 100)
_SCORES: dict[Format, tuple[float, ...]] = {
    "jpeg": (-64.2, -50.9, -6.0, 34.9, 50.8, 57.7, 63.4, 67.3, 72.2, 77.7, 81.1, 84.1, 88.3, 92.4, 96.2),
    "webp": (1.5, 21.7, 32.5, 44.7, 52.8, 58.9, 63.5, 67.4, 70.3, 76.2, 79.7, 82.7, 83.9, 88.0, 90.0),
    "avif": (-10.1, -6.0, 7.3, 26.3, 40.6, 54.8, 66.1, 75.4, 81.1, 85.7, 87.1, 88.9, 91.0, 93.4, 97.0),
}  # fmt: skip
"""SSIMULACRA2 at those qualities, medians."""


def log_sizes(format_name: Format, pixels: int) -> list[float]:
    """Return the natural logarithm of the bytes a picture of so many pixels usually takes, for the qualities 1..100."""
    return [thousandths / 1000 + math.log(pixels) for thousandths in _LOG_BYTES[format_name]]


@functools.cache
def scores(format_name: Format) -> tuple[float, ...]:
    """Return the score a picture usually gets, for the qualities 1..100."""
    found, values = [], _SCORES[format_name]
    for quality in _QUALITIES:
        after = next(place for place, knot in enumerate(_KNOTS) if knot >= quality)
        before = max(after - 1, 0)
        share = (quality - _KNOTS[before]) / ((_KNOTS[after] - _KNOTS[before]) or 1)
        found.append(values[before] + share * (values[after] - values[before]))
    return tuple(found)
