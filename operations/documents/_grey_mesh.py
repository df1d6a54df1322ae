"""Meshes whose vertices have colours of their own, made grey: between them readers interpolate greys, then.

Types 4 to 7 of shadings (ISO 32000-1, 8.7.4.5.5 to 8.7.4.5.8): records of a flag, coordinates and colours, packed bit
by bit, each of whole bytes. What stands before the colours stays as it is.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mediamill.operations.documents import _filters
from mediamill.operations.documents._colours import Colours
from mediamill.operations.documents._grey_spaces import Space

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pikepdf

    Bits = npt.NDArray[np.uint8]

_MAX_BYTES = 16 << 20
_TRIANGLES, _LATTICE, _COONS, _TENSOR = 4, 5, 6, 7
_POINTS = {_TRIANGLES: 1, _LATTICE: 1, _COONS: 12, _TENSOR: 16}
_SHARED = 4
"""Points that a patch takes over from the one before it, with two of its four colours."""


class Unreadable(Exception):
    """A mesh is not built as it has to be, or too long."""


def convert(mesh: "pikepdf.Stream", space: Space, colours: Colours) -> None:
    """Give the vertices of a mesh the greys of their colours.

    Args:
        mesh: The shading, without a function, changed in place.
        space: Its colours'.
        colours: Of its document.

    Raises:
        Unreadable: It stays as it is.
    """
    import pikepdf

    data = _filters.decoded(mesh, _MAX_BYTES)
    depth, edges = int(mesh.BitsPerComponent), [float(edge) for edge in mesh.Decode]
    if data is None or len(edges) != 4 + 2 * space.components or depth not in (1, 2, 4, 8, 12, 16):
        raise Unreadable
    made = dict[int, bytes]()
    for starts, head, corners in _records(mesh, data, depth * space.components):
        made |= _greyed(data, starts, head, corners, depth, edges[4:], space, colours)
    mesh.write(b"".join(made[at] for at in sorted(made)))
    mesh.ColorSpace, mesh.BitsPerComponent = pikepdf.Name.DeviceGray, _depth(depth)
    mesh.Decode = pikepdf.Array([*edges[:4], 0, 1])


def _depth(depth: int) -> int:
    return 8 if depth <= 8 else 16


def _records(mesh: Any, data: bytes, colour: int) -> Iterator[tuple[list[int], int, int]]:
    """Yield where records of one form begin, the bits before their colours, and how many colours they have."""
    kind, point = int(mesh.ShadingType), 2 * int(mesh.BitsPerCoordinate)
    flag = 0 if kind == _LATTICE else int(mesh.BitsPerFlag)
    if kind not in _POINTS or flag not in (0, 2, 4, 8) or not 0 < point <= 64:
        raise Unreadable
    patches = kind in (_COONS, _TENSOR)
    forms = [(_POINTS[kind], 4 if patches else 1)]
    if patches:
        forms.append((_POINTS[kind] - _SHARED, 2))
    if patches and any((flag + count * point) % 8 or corners * colour % 8 for count, corners in forms):
        raise Unreadable  # readers do not agree on whether patches are filled up to whole bytes
    sizes = [(flag + count * point + corners * colour + 7) // 8 for count, corners in forms]
    found: list[list[int]] = [[] for _ in forms]
    at = 0
    while at < len(data):
        which = int(patches and data[at] >> (8 - flag) & 3 != 0)
        if at + sizes[which] > len(data):
            break
        found[which].append(at)
        at += sizes[which]
    for (count, corners), starts in zip(forms, found, strict=True):
        if starts:
            yield starts, flag + count * point, corners


def _greyed(
    data: bytes,
    starts: list[int],
    head: int,
    corners: int,
    depth: int,
    edges: list[float],
    space: Space,
    colours: Colours,
) -> dict[int, bytes]:
    """Return records of one form anew, by where they began."""
    import numpy as np

    size = (head + corners * depth * space.components + 7) // 8
    rows = np.frombuffer(b"".join(data[at : at + size] for at in starts), np.uint8).reshape(len(starts), size)
    bits = np.unpackbits(rows, axis=1)
    coded = bits[:, head : head + corners * depth * space.components].reshape(-1, space.components, depth)
    values = coded @ (1 << np.arange(depth)[::-1])
    once, which = np.unique(values, axis=0, return_inverse=True)
    low, high = np.array(edges[::2]), np.array(edges[1::2])
    wanted = low + once * (high - low) / ((1 << depth) - 1)
    greys = np.array(colours.greys(space.value, [tuple(map(float, one)) for one in wanted]))
    steps = np.rint(greys * ((1 << _depth(depth)) - 1)).astype(">u2")[which.ravel()]
    coded = np.unpackbits(steps.view(np.uint8).reshape(-1, 2), axis=1)[:, 16 - _depth(depth) :]
    packed = np.packbits(np.hstack([bits[:, :head], coded.reshape(len(starts), -1)]), axis=1)
    return {at: row.tobytes() for at, row in zip(starts, packed, strict=True)}
