"""Colour profiles for pictures that say by numbers what their colours are, as PNG, AVIF and HEIC may.

ITU-T H.273 numbers primaries and transfer curves. Everything behind a decoder knows profiles only, so the numbers
become one: a matrix profile of version 4 (ICC.1:2022), adapted to D50 after Bradford.
"""

import functools

Hdr = tuple[str, int]
Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]

_D65, _DCI, _D50 = (0.3127, 0.3290), (0.314, 0.351), (0.9642, 1.0, 0.8249)
_PRIMARIES = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), _D65),
    4: ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), (0.310, 0.316)),
    5: ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), _D65),
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    7: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _DCI),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),
}
"""Chromaticities of red, green, blue and white."""

_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_CURVES: dict[int, tuple[float, ...]] = {4: (2.2,), 5: (2.8,), 8: (1.0,)}
"""Parameters of the curves that are not sRGB's; those of television are shown as if they were."""

_HDR = {16: "pq", 18: "hlg"}
_BRADFORD: Matrix = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))


def colours(icc: bytes | None, codes: tuple[int, int], format_name: str) -> tuple[Hdr | None, bytes | None]:
    """Return what a picture's colours are by its profile and its numbers: how its HDR light is coded, or a profile.

    In a PNG the numbers go before the profile (third edition, 4.3), in AVIF and HEIC the profile before the numbers.

    Args:
        icc: The embedded profile.
        codes: Primaries and transfer curve by ITU-T H.273, 2 where nothing is said.
        format_name: The file's.

    Returns:
        `pq` or `hlg` with the number of the primaries, and the profile; at least one of the two is None.
    """
    if icc is not None and format_name != "png":
        return None, icc
    primaries, transfer = codes
    if transfer in _HDR:
        return (_HDR[transfer], primaries), None
    return None, profile_of(primaries, transfer) or icc


@functools.cache
def profile_of(primaries: int, transfer: int) -> bytes | None:
    """Return a profile for primaries and a transfer curve; None where they are sRGB's, unknown or of HDR.

    Args:
        primaries: Their number in ITU-T H.273.
        transfer: Likewise.
    """
    curve = _CURVES.get(transfer, _SRGB_CURVE)
    if primaries not in _PRIMARIES or transfer in _HDR or (primaries == 1 and curve == _SRGB_CURVE):
        return None
    red, green, blue, white = (_xyz(*point) for point in _PRIMARIES[primaries])
    columns = _columns((red, green, blue), white)
    adaptation = _adaptation(white)
    tags = {
        b"desc": _text(f"H.273 primaries {primaries}, transfer {transfer}"),
        b"cprt": _text("CC0"),
        b"wtpt": _numbers(b"XYZ ", _D50),
        b"chad": _numbers(b"sf32", [value for row in adaptation for value in row]),
    }
    for name, column in zip((b"r", b"g", b"b"), columns, strict=True):
        tags[name + b"XYZ"] = _numbers(b"XYZ ", _times(adaptation, column))
        tags[name + b"TRC"] = _curve(curve)
    return _assembled(tags)


def _xyz(x: float, y: float) -> Vector:
    return x / y, 1.0, (1 - x - y) / y


def _columns(colours: Matrix, white: Vector) -> tuple[Vector, ...]:
    """Return red, green and blue at the strengths that make white together."""
    amounts = _times(_inverse(_transposed(colours)), white)
    return tuple((x * k, y * k, z * k) for (x, y, z), k in zip(colours, amounts, strict=True))


def _adaptation(white: Vector) -> Matrix:
    cones, wanted = _times(_BRADFORD, white), _times(_BRADFORD, _D50)
    scaled = [tuple(value * (to / of) for value in row) for row, of, to in zip(_BRADFORD, cones, wanted, strict=True)]
    rows = _inverse(_BRADFORD)
    cells = [[sum(row[k] * scaled[k][column] for k in range(3)) for column in range(3)] for row in rows]
    return _matrix(cells)


def _matrix(cells: list[list[float]]) -> Matrix:
    one, two, three = ((row[0], row[1], row[2]) for row in cells)
    return one, two, three


def _times(matrix: Matrix, vector: Vector) -> Vector:
    x, y, z = (sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)
    return x, y, z


def _transposed(matrix: Matrix) -> Matrix:
    return _matrix([list(column) for column in zip(*matrix, strict=True)])


def _inverse(m: Matrix) -> Matrix:
    minors = [
        [
            m[(j + 1) % 3][(i + 1) % 3] * m[(j + 2) % 3][(i + 2) % 3]
            - m[(j + 1) % 3][(i + 2) % 3] * m[(j + 2) % 3][(i + 1) % 3]
            for j in range(3)
        ]
        for i in range(3)
    ]
    determinant = sum(m[0][k] * minors[k][0] for k in range(3))
    return _matrix([[value / determinant for value in row] for row in minors])


def _fixed(value: float) -> bytes:
    return round(value * 65536).to_bytes(4, "big", signed=True)


def _numbers(kind: bytes, values: "list[float] | Vector") -> bytes:
    return kind + bytes(4) + b"".join(_fixed(value) for value in values)


def _curve(parameters: tuple[float, ...]) -> bytes:
    function = 0 if len(parameters) == 1 else 3
    return b"para" + bytes(4) + function.to_bytes(2, "big") + bytes(2) + b"".join(_fixed(one) for one in parameters)


def _text(text: str) -> bytes:
    coded = text.encode("utf-16-be")
    sizes = b"".join(number.to_bytes(4, "big") for number in (1, 12))
    place = b"".join(number.to_bytes(4, "big") for number in (len(coded), 28))
    return b"mluc" + bytes(4) + sizes + b"enUS" + place + coded


def _assembled(tags: dict[bytes, bytes]) -> bytes:
    """Return a display profile of those tags; equal ones are stored once."""
    at = 132 + 12 * len(tags)
    table, body, places = b"", b"", dict[bytes, int]()
    for name, tag in tags.items():
        if tag not in places:
            places[tag] = at + len(body)
            body += tag + bytes(-len(tag) % 4)
        table += name + places[tag].to_bytes(4, "big") + len(tag).to_bytes(4, "big")
    head = bytearray(128)
    head[0:4] = (at + len(body)).to_bytes(4, "big")
    head[8:12], head[12:24] = b"\x04\x40\0\0", b"mntrRGB XYZ "
    head[24:36], head[36:40] = b"\x07\xe8\0\x01\0\x01\0\0\0\0\0\0", b"acsp"
    head[68:80] = b"".join(_fixed(value) for value in _D50)
    return bytes(head) + len(tags).to_bytes(4, "big") + table + body
