"""JPEGs of pictures that are Y, Cb and Cr already, with Huffman tables of their own."""

import io

SPARSE = 1 / 8
"""Bytes a pixel below which tables made for the picture save more than a fiftieth; above, they cost more than that."""


def encode(
    pixels: bytes, size: tuple[int, int], bands: int, quality: int, *, full_chroma: bool, own_tables: bool
) -> bytes:
    """Encode a picture as a baseline JFIF file.

    Args:
        pixels: Row by row, a byte a band.
        size: Width and height in pixels.
        bands: 3, or 1 for grey.
        quality: 1..100, on libjpeg's scale.
        full_chroma: 4:4:4 in the place of 4:2:0.
        own_tables: Whether Huffman tables are made for the picture.
    """
    from PIL import Image

    image = Image.new("L" if bands == 1 else "YCbCr", size, None)
    image.frombytes(pixels)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality, subsampling=0 if full_chroma else 2, optimize=own_tables)
    return file.getvalue()
