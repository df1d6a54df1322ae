"""The icons of a web site: which files there are, what they are called, and how pages and manifests refer to them.

What is linked is what browsers ask for today: `favicon.ico` for what knows nothing else, the drawing where there is
one, small PNGs for tabs, `apple-touch-icon` for home screens of iOS, which paints what is transparent black, and the
large ones by way of the web app manifest.
"""

import json
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from mediamill.operations.images._geometry import Fit, Fitting, Size, fit
from mediamill.operations.images._html import element, url_of

DEFAULT_PREFIX = "favicon"
APPLE_SIDE = 180
"""The size of apple-touch-icon, in pixels."""

MANIFEST_SIDE = 192
"""Icons from this size on are listed in the manifest, smaller ones in the page."""

MASKABLE_SIDE = 512
SAFE_SHARE = 0.8
"""What is never masked of a maskable icon: a circle of this diameter (W3C, Web Application Manifest, icon masks)."""


class Names(Struct, frozen=True):
    """How the files are called; a prefix of one's own goes before each, so that several sets fit in a folder."""

    prefix: str = DEFAULT_PREFIX

    @property
    def ico(self) -> str:
        """The icon file."""
        return f"{self.prefix}.ico"

    @property
    def svg(self) -> str:
        """The drawing."""
        return f"{self.prefix}.svg"

    @property
    def html(self) -> str:
        """The snippet."""
        return f"{self.prefix}.html"

    @property
    def manifest(self) -> str:
        """The web app manifest."""
        return self._own("manifest.webmanifest")

    @property
    def maskable(self) -> str:
        """The icon platforms cut into their shape."""
        return f"{self.prefix}-maskable-{MASKABLE_SIDE}x{MASKABLE_SIDE}.png"

    def png(self, side: int) -> str:
        """Return the name of a picture."""
        return self._own("apple-touch-icon.png") if side == APPLE_SIDE else f"{self.prefix}-{side}x{side}.png"

    def _own(self, name: str) -> str:
        return name if self.prefix == DEFAULT_PREFIX else f"{self.prefix}-{name}"


def square(source: Size, side: int, how: Fitting) -> Fit:
    """Return the geometry of a square icon; a small picture is enlarged, because every size has to be there."""
    return fit(source, side, side, how=how, upscale=True)[0]


def maskable(source: Size) -> Fit:
    """Return the geometry of a maskable icon: the whole picture within the circle that is always seen."""
    diagonal = (source[0] ** 2 + source[1] ** 2) ** 0.5
    ratio = SAFE_SHARE * MASKABLE_SIDE / diagonal
    scaled = max(1, round(source[0] * ratio)), max(1, round(source[1] * ratio))
    return Fit(scaled, (MASKABLE_SIDE, MASKABLE_SIDE))


def merged(icons: Sequence[bytes]) -> bytes:
    """Return one icon file of several with one picture each, the smallest first."""
    pictures = sorted(((icon[6:18], icon[22:]) for icon in icons), key=lambda picture: picture[0][0] or 256)
    head = b"\0\0\1\0" + len(pictures).to_bytes(2, "little")
    at = len(head) + 16 * len(pictures)
    for entry, data in pictures:
        head += entry + at.to_bytes(4, "little")
        at += len(data)
    return head + b"".join(data for _, data in pictures)


def manifest(names: Names, sides: Sequence[int], *, masked: bool, told: dict[str, str]) -> dict[str, Any]:
    """Return the web app manifest; its icons lie beside it.

    Args:
        names: Of the files.
        sides: Of all icons, in pixels.
        masked: Whether there is a maskable one.
        told: Further members.
    """
    icons = [
        {"src": url_of("", names.png(side)), "sizes": f"{side}x{side}", "type": "image/png", "purpose": "any"}
        for side in sides
        if side >= MANIFEST_SIDE
    ]
    if masked:
        size = f"{MASKABLE_SIDE}x{MASKABLE_SIDE}"
        icons.append({"src": url_of("", names.maskable), "sizes": size, "type": "image/png", "purpose": "maskable"})
    return {**told, "icons": icons, "display": "standalone"}


def manifest_file(content: dict[str, Any]) -> bytes:
    """Return a manifest as it is written."""
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


def markup(
    names: Names,
    base_url: str,
    *,
    sides: Sequence[int],
    ico_sides: Sequence[int],
    drawing: bool,
    with_manifest: bool,
    theme: str | None,
) -> str:
    """Return what goes into a page's head.

    Args:
        names: Of the files.
        base_url: Where they are.
        sides: Of the PNGs, in pixels.
        ico_sides: Of the pictures in the icon file; empty: there is none.
        drawing: Whether there is an SVG.
        with_manifest: Whether there is a manifest, which then lists the large ones.
        theme: The page's colour.
    """

    def link(rel: str, name: str, **attributes: str | None) -> str:
        return element("link", {"rel": rel, "href": url_of(base_url, name), **attributes})

    def box(side: int) -> str:
        return f"{side}x{side}"

    lines = [link("icon", names.ico, sizes=" ".join(map(box, sorted(ico_sides))))] if ico_sides else []
    if drawing:
        lines.append(link("icon", names.svg, type="image/svg+xml", sizes="any"))
    for side in sides:
        if side != APPLE_SIDE and not (with_manifest and side >= MANIFEST_SIDE):
            lines.append(link("icon", names.png(side), type="image/png", sizes=box(side)))
    if APPLE_SIDE in sides:
        lines.append(link("apple-touch-icon", names.png(APPLE_SIDE), sizes=box(APPLE_SIDE)))
    if with_manifest:
        lines.append(link("manifest", names.manifest))
    if theme is not None:
        lines.append(element("meta", {"name": "theme-color", "content": theme}))
    return "\n".join(lines)
