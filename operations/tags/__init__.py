"""What is written beside pixels, EXIF, XMP and IPTC: read, cut and rewritten in every container.

No operation lives here.
"""
