"""The metadata of TIFF files, DNG among them: tags struck from directories in place, so that no strip has to move.

After TIFF 6.0, BigTIFF and DNG 1.7.
"""

from mediamill.operations.images import _exif_read
from mediamill.operations.images._exif_editor import Editor
from mediamill.protocol.errors import CorruptInput

_WIDTH, _HEIGHT = 0x0100, 0x0101


def walk(data: bytes, editor: Editor) -> bytes:
    """Show a file's metadata to an editor and return the file with its answers.

    Raises:
        CorruptInput: There is no picture in it, or the editor wants it whole.
    """
    tree = _exif_read.read(data)
    first = tree.directories[0] if tree.directories else None
    if first is None or first.find(_WIDTH) is None or first.find(_HEIGHT) is None:
        raise CorruptInput("The TIFF has no directory that describes a picture.", field="input")
    editor.header(tree.number(first.find(_WIDTH)), tree.number(first.find(_HEIGHT)), obeys_exif=True)
    if not _has_data(tree, first):
        editor.damaged("the TIFF's strips lie outside of the file")
    return editor.tiff(tree)


def _has_data(tree: _exif_read.Tree, first: _exif_read.Directory) -> bool:
    """Return whether as much of the picture is in the file as its directory says; empty tiles need not be."""
    sizes = next((entry for entry in (first.find(tag) for tag in (0x0117, 0x0145)) if entry is not None), None)
    if sizes is None:
        return first.find(0x0111) is not None or first.find(0x0201) is not None
    wanted = sum(1 for size in _exif_read.whole_numbers(tree, sizes) if size)
    return len([span for span in _exif_read.data_spans(tree).get(0, []) if span[1] > span[0]]) >= wanted
