"""Marks over a picture: a line of text or another picture, once or all over."""

from html import escape
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta

from mediamill.operations.contract import Context
from mediamill.operations.images import _fonts
from mediamill.operations.images._geometry import Fit, Size, fit
from mediamill.operations.images._overlay import Box, clipped, is_grey, laid_over, matched, ready, tiled, with_alpha
from mediamill.operations.images._params import parse_colour
from mediamill.operations.images._picture import Picture
from mediamill.operations.images._resample import Look
from mediamill.operations.images._scale import decoded_at
from mediamill.operations.images._source import Source as Opened
from mediamill.operations.images._source import open_source
from mediamill.operations.images._steps import Step
from mediamill.operations.images._vips import vips
from mediamill.protocol.errors import InvalidJob, MediaError
from mediamill.protocol.job import Source

if TYPE_CHECKING:
    import pyvips

Place = Literal[
    "top-left", "top", "top-right", "left", "center", "right", "bottom-left", "bottom", "bottom-right",
    "centre", "middle", "top-center", "bottom-center", "center-left", "center-right",
    "north-west", "north", "north-east", "west", "east", "south-west", "south", "south-east",
    "northwest", "northeast", "southwest", "southeast", "nw", "n", "ne", "w", "e", "sw", "s", "se",
]  # fmt: skip
"""Nine places, by their sides and by their points of the compass."""

_LEFT = ("left", "west", "w", "nw", "sw")
_RIGHT = ("right", "east", "e", "ne", "se")
_TOP = ("top", "north", "n", "nw", "ne")
_BOTTOM = ("bottom", "south", "s", "sw", "se")

FONT_SHARE, LEAST_FONT = 20, 12
MARGIN_SHARE = 40
_ALIGN = {0.0: "low", 0.5: "centre", 1.0: "high"}
_TRIES = 5
_NO_FONT = 1.0
"""The least size letters are made smaller to; what does not fit then is cut."""

_NO_XML = "\x7f\ufffe\uffff"
_NO_INK = "no text to render"


class Watermark(Step, frozen=True, kw_only=True, tag="watermark", forbid_unknown_fields=True, omit_defaults=True):
    """A watermark job: a text or an image, laid over the picture.

    Text is data, never markup; letters the font has not come from other installed fonts, and where no font is
    installed at all, from one that is built in. An image keeps its alpha; a drawing is drawn at the size it has here.
    A mark larger than the picture is made smaller until it fits; one that an offset moves over the edge is cut there.
    Marks are sRGB and are converted to the profile a picture keeps; a coloured mark makes a grey picture coloured.
    Without offsets a mark stands a fortieth of the picture's shorter side from its edges. The result says where it is
    in `metadata.watermark`: x, y, width and height in pixels of what shows, and for text the font, its size and, as
    `missing`, the letters no font here has.
    """

    text: (
        Annotated[str, Meta(min_length=1, max_length=1000, description="The text; lines end at a line feed.")] | None
    ) = None
    image: Annotated[Source, Meta(description="The picture to lay over it.")] | None = None
    position: Annotated[Place, Meta(description="Where the mark goes.")] = "bottom-right"
    opacity: Annotated[float, Meta(ge=0, le=1, description="0 invisible, 1 as it is.")] = 1.0
    font_size: (
        Annotated[
            float, Meta(ge=4, le=2000, description="In pixels; absent: a twentieth of the shorter side, at least 12.")
        ]
        | None
    ) = None
    font: (
        Annotated[
            str, Meta(min_length=1, max_length=4096, description="A family and style, or a font file; absent: sans.")
        ]
        | None
    ) = None
    color: Annotated[
        str, Meta(min_length=1, max_length=64, description="#rrggbb, #rrggbbaa or a CSS name, of the text.")
    ] = "white"
    offset_x: (
        Annotated[int, Meta(ge=-65_535, le=65_535, description="Pixels from the left or right edge inwards.")] | None
    ) = None
    offset_y: (
        Annotated[int, Meta(ge=-65_535, le=65_535, description="Pixels from the upper or lower edge inwards.")] | None
    ) = None
    scale: Annotated[float, Meta(gt=0, le=1, description="The mark's width as a share of the picture's.")] | None = None
    tile: Annotated[bool, Meta(description="Repeat the mark over the whole picture.")] = False
    spacing: (
        Annotated[int, Meta(ge=0, le=65_535, description="Pixels between tiles; absent: the mark's height.")] | None
    ) = None

    linear_rgb: Annotated[bool, Meta(description="Mix light instead of coded values.")] = False

    def __post_init__(self) -> None:
        """Check the rules that span fields."""
        parse_colour(self.color, "color")
        if (self.text is None) == (self.image is None):
            raise InvalidJob(
                f"A watermark takes text or image, received {'none' if self.text is None else 'both'}.",
                field="text",
                expected="one of text, image",
            )
        if self.text is not None:
            _check_text(self.text)
            _check_font(self.font)
        elif self.font is not None or self.font_size is not None:
            raise InvalidJob(
                "font and font_size go with text.",
                field="font" if self.font is not None else "font_size",
                expected="text, or neither",
            )
        if self.font_size is not None and self.scale is not None:
            raise InvalidJob(
                "font_size and scale exclude each other.",
                field="scale",
                received=self.scale,
                expected="one of font_size, scale",
            )
        if self.spacing is not None and not self.tile:
            raise InvalidJob("spacing goes with tile.", field="spacing", received=self.spacing, expected="tile: true")

    def look(self, size: Size, ctx: Context) -> int:
        """Read the mark's header or the font."""
        if self.image is None:
            vips(ctx.threads)
            _fonts.choose(self.font, ctx)
            return 0
        facts = self._opened(ctx).facts
        return 0 if facts.vector else facts.width * facts.height * max(4, facts.bands) * (2 if facts.depth > 8 else 1)

    def apply(self, picture: Picture, ctx: Context, notes: dict[str, Any]) -> Picture:
        """Lay the mark over every frame alike."""
        mark, said = self._drawn(picture.size, ctx) if self.text is not None else (self._shown(picture.size, ctx), {})
        corner = self._corner((mark.width, mark.height), picture.size)
        box = clipped(corner, (mark.width, mark.height), picture.size)
        if self.tile:
            spacing = mark.height if self.spacing is None else self.spacing
            said["tile"] = {"width": mark.width, "height": mark.height, "spacing": spacing}
            mark = tiled(mark, corner, spacing, picture.size)
            corner, box = (0, 0), Box(0, 0, *picture.size)
        if box is None:
            raise InvalidJob(
                f"The offset moves the mark at {corner[0]},{corner[1]} off the picture's "
                f"{picture.size[0]}x{picture.size[1]} pixels.",
                field="offset_y" if self.offset_x is None else "offset_x",
                received=self.offset_y if self.offset_x is None else self.offset_x,
                expected="an offset that leaves some of the mark on the picture",
            )
        notes["watermark"] = msgspec.structs.asdict(box) | said
        grey = is_grey(mark)
        found: dict[str, pyvips.Image] = {}

        def marked(page: "pyvips.Image") -> "pyvips.Image":
            page = ready(page, grey=grey)
            if "mark" not in found:
                found["mark"] = matched(mark, page)
            return laid_over(page, found["mark"], corner, box, self.opacity, linear=self.linear_rgb)

        return picture.each(marked)

    def _opened(self, ctx: Context) -> Opened:
        assert self.image is not None
        return open_source(ctx.read(self.image, "image"), ctx.limits, ctx.threads, field="image")

    def _shown(self, canvas: Size, ctx: Context) -> "pyvips.Image":
        """Return the image mark at its size."""
        opened = self._opened(ctx)
        own = opened.facts.size
        width = own[0] if self.scale is None else max(1, round(canvas[0] * self.scale))
        size = fit(own, width, None, upscale=True)[0].size
        size = fit(size, *canvas)[0].size
        try:
            picture = decoded_at(opened, Fit(size, size), Look(linear=self.linear_rgb))
        except MediaError as error:
            error.field = error.field or "image"
            raise
        return with_alpha(picture.pages[0]).copy_memory()

    def _drawn(self, canvas: Size, ctx: Context) -> tuple["pyvips.Image", dict[str, Any]]:
        """Return the text mark at its size, and what it is set in."""
        font = _fonts.choose(self.font, ctx)
        across, _ = _sides(self.position)
        text = "\n".join((self.text or "").strip().splitlines())
        red, green, blue, alpha = parse_colour(self.color, "color")
        markup = f'<span foreground="#{red:02x}{green:02x}{blue:02x}">{escape(text, quote=False)}</span>'

        def at(size: float) -> "pyvips.Image":
            try:
                return _fonts.rendered(markup, font, size, _ALIGN[across])
            except vips().Error as error:
                if _NO_INK not in str(error):
                    raise
                raise InvalidJob(
                    "The text has nothing to draw.", field="text", received=self.text, expected="visible letters"
                ) from None

        size = self._font_size(canvas, at)
        mark = at(max(size, _NO_FONT))
        for _ in range(_TRIES):
            share = min(canvas[0] / mark.width, canvas[1] / mark.height)
            if share >= 1 or size <= _NO_FONT:
                break
            size = max(size * share * 0.995, _NO_FONT)
            mark = at(size)
        if alpha < 255:
            faint = (mark[3] * (alpha / 255)).rint().cast("uchar")
            mark = mark.extract_band(0, n=3).bandjoin(faint).copy(interpretation="srgb")
        said: dict[str, Any] = {"font": font.description.replace(",", "").strip(), "font_size": round(size, 2)}
        lost = _fonts.missing(text, font)
        if lost:
            said["missing"] = lost
        return mark.crop(0, 0, min(mark.width, canvas[0]), min(mark.height, canvas[1])).copy_memory(), said

    def _font_size(self, canvas: Size, at: Any) -> float:
        """Return the size asked for, but none at which the text is known to be far larger than the picture."""
        probe = at(LEAST_FONT)
        most = min(canvas[0] / probe.width, canvas[1] / probe.height) * LEAST_FONT * 1.1
        if self.scale is not None:
            width = canvas[0] * self.scale
            near = max(min(width / probe.width * LEAST_FONT, most), _NO_FONT)
            return float(near * width / at(near).width) if near < most else most
        size = self.font_size or max(LEAST_FONT, min(canvas) / FONT_SHARE)
        return float(min(size, most))

    def _corner(self, mark: Size, canvas: Size) -> Size:
        shares = _sides(self.position)
        margin = round(min(canvas) / MARGIN_SHARE)
        found = []
        for share, side, of, offset in zip(shares, mark, canvas, (self.offset_x, self.offset_y), strict=True):
            room = of - side
            if offset is None:
                # The margin gives way where the mark takes all the room there is.
                offset = 0 if share == 0.5 or self.tile else min(margin, max(room, 0))
            found.append(round(room * share) + (-offset if share == 1 else offset))
        return found[0], found[1]


def _sides(position: str) -> tuple[float, float]:
    """Return where a place is across and down, each 0, 0.5 or 1."""
    words = position.split("-")
    for side in ("north", "south"):
        if position in (f"{side}west", f"{side}east"):
            words = [side, position.removeprefix(side)]
    across = 0.0 if set(words) & set(_LEFT) else 1.0 if set(words) & set(_RIGHT) else 0.5
    down = 0.0 if set(words) & set(_TOP) else 1.0 if set(words) & set(_BOTTOM) else 0.5
    return across, down


def _check_text(text: str) -> None:
    """Refuse what is no text: nothing but space, and control characters, which no markup can hold."""
    control = next(
        (letter for letter in text if (ord(letter) < 32 and letter not in "\t\n\r") or letter in "\x7f\ufffe\uffff"),
        None,
    )
    if control is not None:
        raise InvalidJob(
            f"The text has a control character, U+{ord(control):04X}.", field="text", expected="text without any"
        )
    if not text.strip():
        raise InvalidJob("The text has nothing to draw.", field="text", received=text, expected="visible letters")


def _check_font(font: str | None) -> None:
    if font is not None and any(letter < " " for letter in font):
        raise InvalidJob("The font's name has a control character.", field="font", received=font, expected="a name")
