"""The metadata of TIFF files, DNG among them: tags struck from directories in place, so that no strip has to move.

After TIFF 6.0, BigTIFF and DNG 1.7.
"""

from mediamill.operations.tags import _read
from mediamill.operations.tags._editor import Editor
from mediamill.protocol.errors import CorruptInput

_WIDTH, _HEIGHT, _PHOTOMETRIC, _COMPRESSION, _DNG_VERSION = 0x0100, 0x0101, 0x0106, 0x0103, 0xC612
_SENSOR, _CAMERAS_OWN = (32803, 34892), (32767, 32769, 32770, 34713, 65000, 65535)


def walk(data: bytes, editor: Editor) -> bytes:
    """Show a file's metadata to an editor and return the file with its answers.

    Raises:
        CorruptInput: There is no picture in it, or the editor wants it whole.
    """
    tree = _read.read(data)
    first = tree.directories[0] if tree.directories else None
    if first is None or first.find(_WIDTH) is None or first.find(_HEIGHT) is None:
        raise CorruptInput("The TIFF has no directory that describes a picture.", field="input")
    editor.header(tree.number(first.find(_WIDTH)), tree.number(first.find(_HEIGHT)), obeys_exif=True)
    if not _has_data(tree, first):
        editor.damaged("the TIFF's strips lie outside of the file")
    if _is_raw(tree):
        editor.raw()
    return editor.tiff(tree)


def _is_raw(tree: _read.Tree) -> bool:
    """Return whether it is a camera's raw file: the sensor's own values, and no DNG, or one of the known signatures."""
    sensor = any(tree.number(one.find(_PHOTOMETRIC)) in _SENSOR for one in tree.directories)
    coded = any(tree.number(one.find(_COMPRESSION)) in _CAMERAS_OWN for one in tree.directories)
    signed = tree.data[8:12] in (b"CR\2\0", b"IIII", b"MMMM")
    return (sensor or coded or signed) and tree.find("IFD0", _DNG_VERSION) is None


def _has_data(tree: _read.Tree, first: _read.Directory) -> bool:
    """Return whether as much of the picture is in the file as its directory says; empty tiles need not be."""
    sizes = next((entry for entry in (first.find(tag) for tag in (0x0117, 0x0145)) if entry is not None), None)
    if sizes is None:
        return first.find(0x0111) is not None or first.find(0x0201) is not None
    wanted = sum(1 for size in _read.whole_numbers(tree, sizes) if size)
    return len([span for span in _read.data_spans(tree).get(0, []) if span[1] > span[0]]) >= wanted
