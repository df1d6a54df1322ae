import shutil
import struct
import subprocess

import numpy as np
import pikepdf
import pypdfium2
import pytest
from PIL import Image

from mediamill.operations.documents import _jbig2, _jbig2_generic, _jbig2_marks, _mq

SHARES = [row[0] for row in _mq._PROBABILITIES]


class Decoder:
    """The arithmetic decoder of annex E.3, step by step as its flow charts have it."""

    def __init__(self, data):
        self.data, self.at = data, 0
        self.states = {}
        self.c = self.byte() << 16
        self.byte_in()
        self.c, self.count, self.a = self.c << 7, self.count - 7, 0x8000

    def byte(self, ahead=0):
        at = self.at + ahead
        return self.data[at] if at < len(self.data) else 0xFF

    def byte_in(self):
        if self.byte() == 0xFF:
            if self.byte(1) > 0x8F:
                self.c, self.count = self.c + 0xFF00, 8
            else:
                self.at += 1
                self.c, self.count = self.c + (self.byte() << 9), 7
        else:
            self.at += 1
            self.c, self.count = self.c + (self.byte() << 8), 8

    def decision(self, context):
        row, likely = self.states.get(context, (0, 0))
        share, after_likely, after_unlikely, switch = _mq._PROBABILITIES[row]
        self.a -= share
        if (self.c >> 16) < share:
            found = likely if self.a < share else 1 - likely
            self.a = share
        else:
            self.c -= share << 16
            if self.a & 0x8000:
                return likely
            found = 1 - likely if self.a < share else likely
        if found == likely:
            row = after_likely
        else:
            row, likely = after_unlikely, likely ^ switch
        self.states[context] = row, likely
        while not self.a & 0x8000:
            if not self.count:
                self.byte_in()
            self.a, self.c, self.count = self.a << 1, self.c << 1, self.count - 1
        return found

    def bits(self, pixel, width, height, moved, repeating):
        """Decode a generic region of template 0, as 6.2.5 says; the context of a pixel is asked for by `pixel`."""
        highest = max(2, *(-down for down in moved[1::2]))
        repeats, rows = 0, [[0] * width for _ in range(highest)]
        for _ in range(height):
            if repeating:
                repeats ^= self.decision(0x9B25)
            if repeats:
                rows.append(rows[-1])
                continue
            row = [0] * width
            above, higher = rows[-1], rows[-2]
            by_row = {0: row, **{down: rows[down] for down in range(-highest, 0)}}
            for x in range(width):
                places = [(x - 1, row), (x - 2, row), (x - 3, row), (x - 4, row), (x + moved[0], by_row[moved[1]])]
                places += [(x + step, above) for step in (2, 1, 0, -1, -2)]
                places += [(x + moved[2], by_row[moved[3]]), (x + moved[4], by_row[moved[5]])]
                places += [(x + step, higher) for step in (1, 0, -1)] + [(x + moved[6], by_row[moved[7]])]
                context = sum(pixel(*place) << bit for bit, place in enumerate(places))
                row[x] = self.decision(context)
            rows.append(row)
        return np.array(rows[highest:], np.uint8).reshape(height, width)

    def refined(self, symbol):
        """Decode a refinement of template 0 of the size of its symbol, as 6.3.5 says."""
        height, width = symbol.shape
        given, known = np.pad(symbol, 1), np.zeros((height + 1, width + 2), np.uint8)
        for y in range(height):
            for x in range(width):
                before = tuple(known[y, x : x + 3].tolist()), int(known[y + 1, x])
                context = "refined", before, tuple(given[y : y + 3, x : x + 3].ravel().tolist())
                known[y + 1, x + 1] = self.decision(context)
        return known[1:, 1:-1]

    def integer(self, procedure):
        """Decode an integer by annex A.2, None where it is out of band."""
        before = 1

        def bit():
            nonlocal before
            found = self.decision((procedure, before))
            before = before << 1 | found if before < 256 else ((before << 1 | found) & 511) | 256
            return found

        sign = bit()
        ranges = [(2, 0), (4, 4), (6, 20), (8, 84), (12, 340), (32, 4436)]
        while len(ranges) > 1 and bit():
            ranges.pop(0)
        width, offset = ranges[0]
        value = offset + sum(bit() << place for place in reversed(range(width)))
        return (-value if value else None) if sign else value


def within(across, row):
    return row[across] if 0 <= across < len(row) else 0


def segments(stream):
    """Yield the type, the segments referred to, and the data of each segment."""
    at, count = 0, 0
    while at < len(stream):
        number, kind, refers = struct.unpack_from(">IBB", stream, at)
        assert number == count
        to = list(stream[at + 6 : at + 6 + (refers >> 5)])
        at += 6 + len(to)
        page, size = struct.unpack_from(">BI", stream, at)
        assert page == 1
        yield kind, to, stream[at + 5 : at + 5 + size]
        at, count = at + 5 + size, count + 1


def generic(data, width, height):
    assert struct.unpack_from(">4IB", data) == (width, height, 0, 0, 0)
    assert data[17] == 0b1000
    return Decoder(data[26:]).bits(within, width, height, struct.unpack_from("8b", data, 18), True)


def dictionary(data):
    """Decode a symbol dictionary (6.5.5)."""
    assert data[:2] == bytes(2)
    moved, (exported, new) = struct.unpack_from("8b", data, 2), struct.unpack_from(">II", data, 10)
    decoder, symbols, height = Decoder(data[18:]), [], 0
    while len(symbols) < new:
        height, width = height + decoder.integer("height"), 0
        while (step := decoder.integer("width")) is not None:
            width += step
            symbols.append(decoder.bits(within, width, height, moved, False))
    assert (decoder.integer("export"), decoder.integer("export")) == (0, exported) == (0, new)
    return symbols


def text(data, width, height, symbols):
    """Decode a text region (6.4.5) of symbols placed by their lower left corners; return it, and how many differ."""
    assert struct.unpack_from(">4IB", data) == (width, height, 0, 0, 0)
    (flags,) = struct.unpack_from(">H", data, 17)
    refining, power = bool(flags & 2), flags >> 2 & 3
    assert not flags & ~0b1110
    if refining:
        assert struct.unpack_from("4b", data, 19) == (-1, -1, -1, -1)
    (left,) = struct.unpack_from(">I", data, 19 + 4 * refining)
    decoder, picture = Decoder(data[23 + 4 * refining :]), np.zeros((height, width), np.uint8)
    size, row, first, changed = (len(symbols) - 1).bit_length(), -decoder.integer("strip") << power, 0, 0
    while left:
        row += decoder.integer("strip") << power
        first += decoder.integer("first")
        here = first
        while True:
            bottom = row + (decoder.integer("row") if power else 0)
            assert bottom - row < 1 << power
            name = 1
            for _ in range(size):
                name = name << 1 | decoder.decision(("name", name))
            symbol = symbols[name - (1 << size)]
            if refining and decoder.integer("refined"):
                assert [decoder.integer(what) for what in ("width", "height", "across", "down")] == [0] * 4
                symbol, changed = decoder.refined(symbol), changed + 1
            tall, wide = symbol.shape
            picture[bottom - tall + 1 : bottom + 1, here : here + wide] |= symbol
            here, left = here + wide - 1, left - 1
            step = decoder.integer("step")
            if step is None:
                break
            here += step
    return picture, changed


def decode(stream):
    """Decode a page: a generic region, or symbols, their text, and what is left."""
    (first, _, page), *others = segments(stream)
    assert first == 48
    width, height = struct.unpack_from(">II", page)
    picture, symbols = np.zeros((height, width), np.uint8), []
    for kind, refers, data in others:
        if kind == 0:
            symbols = dictionary(data)
        elif kind == 6:
            assert refers == [1]
            picture |= text(data, width, height, symbols)[0]
        else:
            assert kind == 39
            picture |= generic(data, width, height)
    return picture


def letters(noise=0.0):
    """Return lines of letters that a program set: each the same wherever it comes."""
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("L", (460, 150), 255)
    font, pen = ImageFont.load_default(20), ImageDraw.Draw(picture)
    for row, line in enumerate(("the quick brown fox jumps over", "the lazy dog, and the other", "fox: jumps; i = j?")):
        for at, letter in enumerate(line):
            pen.text((6 + 14 * at, 8 + 40 * row), letter, font=font, fill=0)
    pen.line((0, 140, 459, 100), fill=0)
    bits = (np.asarray(picture) < 128).astype(np.uint8)
    return bits ^ (np.random.default_rng(5).random(bits.shape) < noise).astype(np.uint8)


def scanned(seed=19):
    """Return rows of few shapes, each a little different wherever it comes, and dirt."""
    noise, page = np.random.default_rng(seed), np.zeros((330, 460), np.uint8)
    y, x = np.mgrid[-9:9, -9:9]
    shapes = [
        x * x + y * y < 66,
        abs(abs(x) + abs(y) - 6) < 3,
        (abs(x) < 3) | (abs(y + 3) < 2),
        (abs(x + y) < 4) & (x < 7),
    ]
    for row in range(5, 310, 24):
        for at in range(5, 430, 22):
            shape = np.pad(shapes[noise.integers(len(shapes))], 2).astype(np.uint8)
            near = sum(np.roll(shape, step, axis) != shape for step in (-1, 1) for axis in (0, 1)) > 0
            top = row + int(noise.integers(2))
            page[top : top + 22, at : at + 22] = shape ^ (near & (noise.random(near.shape) < 0.06))
    return page | (noise.random(page.shape) < 0.0002).astype(np.uint8)


def pixel_by_pixel(bits):
    return _jbig2._region(_jbig2_generic.plan(bits), bits.shape[1], bits.shape[0])


def screened():
    """Return a ramp under the screen of a printer, seven pixels apart."""
    y, x = np.mgrid[0:120, 0:180]
    phase = 2 * np.pi / 7
    return (np.cos(x * phase) + np.cos(y * phase) < 2 - x / 45).astype(np.uint8)


def pictures():
    noise = np.random.default_rng(7)
    y, x = np.mgrid[0:60, 0:90]
    text = np.zeros((48, 200), np.uint8)
    for at in range(4, 190, 9):
        text[8:20, at : at + 2] = text[8 + at % 12, at : at + 6] = 1
    return {
        "one-pixel": np.ones((1, 1), np.uint8),
        "white": np.zeros((40, 70), np.uint8),
        "black": np.ones((33, 65), np.uint8),
        "column": np.ones((50, 1), np.uint8),
        "row": (np.arange(77) % 3 == 0).astype(np.uint8)[None],
        "noise": noise.integers(0, 2, (41, 67), np.uint8),
        "sparse": (noise.random((64, 128)) < 0.01).astype(np.uint8),
        "halftone": ((x % 4) * (y % 4) < 3 + x / 20).astype(np.uint8),
        "disc": ((x - 45) ** 2 + (y - 30) ** 2 < 600).astype(np.uint8),
        "text": text,
        "letters": letters(),
        "dirty-letters": letters(0.002),
        "scanned": scanned(),
        "screened": screened(),
    }


PICTURES = pictures()


@pytest.mark.parametrize("name", PICTURES)
def test_what_is_coded_is_decoded_pixel_by_pixel(name):
    assert (decode(_jbig2.encode(PICTURES[name])) == PICTURES[name]).all()


def embedded(bits, path):
    """Write a page that shows each pixel as eight by eight."""
    height, width = bits.shape
    pdf = pikepdf.new()
    pdf.add_blank_page(page_size=(8 * width, 8 * height))
    image = pikepdf.Stream(
        pdf,
        _jbig2.encode(bits),
        Type=pikepdf.Name.XObject,
        Subtype=pikepdf.Name.Image,
        Width=width,
        Height=height,
        BitsPerComponent=1,
        ColorSpace=pikepdf.Name.DeviceGray,
        Filter=pikepdf.Name.JBIG2Decode,
    )
    page = pdf.pages[0]
    page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(I=image))
    page.Contents = pikepdf.Stream(pdf, b"%d 0 0 %d 0 0 cm /I Do" % (8 * width, 8 * height))
    pdf.save(path)


@pytest.mark.parametrize("name", PICTURES)
def test_pdf_readers_see_the_same(name, tmp_path):
    bits = PICTURES[name]
    embedded(bits, tmp_path / "a.pdf")
    document = pypdfium2.PdfDocument(tmp_path / "a.pdf")
    seen = document[0].render(scale=1).to_numpy()[4::8, 4::8, 0]
    document.close()
    assert ((seen < 128) == bits.astype(bool)).all()


def test_long_runs_and_single_decisions_code_alike():
    noise = np.random.default_rng(3)
    runs = [(int(noise.integers(4)), int(noise.random() < 0.1), int(noise.integers(1, 3000))) for _ in range(60)]
    single = [(context, decision, 1) for context, decision, count in runs for _ in range(count)]
    coded, alike = (
        _mq.encode(4, [2 * context + decision for context, decision, _ in some], [count for _, _, count in some])
        for some in (runs, single)
    )
    assert coded == alike
    decoder = Decoder(coded)
    assert [decoder.decision(context) for context, _, _ in single] == [decision for _, decision, _ in single]


def test_it_is_smaller_than_fax(tmp_path):
    import io

    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("1", (900, 600), 1)
    font = ImageFont.load_default(30)
    for line in range(14):
        ImageDraw.Draw(picture).text((20, 20 + 40 * line), "The quick brown fox jumps over it." * 2, font=font, fill=0)
    fax = io.BytesIO()
    picture.save(fax, "TIFF", compression="group4")
    bits = (~np.asarray(picture)).astype(np.uint8)
    coded = _jbig2.encode(bits)
    assert (decode(coded) == bits).all()
    assert len(coded) < 0.7 * len(fax.getvalue())


def test_letters_that_come_again_are_coded_once():
    clean, dirty = _jbig2.encode(letters()), _jbig2.encode(letters(0.02))
    assert [kind for kind, _, _ in segments(clean)] == [48, 0, 6, 39]
    assert [kind for kind, _, _ in segments(dirty)] == [48, 39]
    page = np.tile(letters(), (5, 1))
    assert len(_jbig2.encode(page)) < 0.6 * len(pixel_by_pixel(page))


def test_a_single_symbol_needs_no_name():
    noise = np.random.default_rng(11)
    dots, shape = np.zeros((300, 400), np.uint8), noise.integers(0, 2, (17, 17), np.uint8)
    shape[::2] = shape[:, ::2] = 1
    for y in range(4, 270, 24):
        for x in range(4, 360, 32):
            dots[y : y + 17, x + int(noise.integers(9)) :][:, :17] = shape
    coded = _jbig2.encode(dots)
    assert [kind for kind, _, _ in segments(coded)] == [48, 0, 6]
    assert (decode(coded) == dots).all()


def test_marks_are_connected_at_corners_and_complete():
    bits = letters(0.01)
    found = _jbig2_marks.marks(bits)
    again = np.zeros_like(bits)
    for mark in found:
        (height, width), pixels = mark.size, np.frombuffer(mark.bits, np.uint8)
        part = again[mark.top : mark.top + height, mark.left : mark.left + width]
        assert not (part & pixels.reshape(mark.size)).any()
        part |= pixels.reshape(mark.size)
    assert np.array_equal(again, bits)
    corner = np.array([[1, 0, 0, 1], [0, 1, 1, 0], [0, 0, 0, 0], [1, 0, 0, 1]], np.uint8)
    assert sorted(mark.size for mark in _jbig2_marks.marks(corner)) == [(1, 1), (1, 1), (2, 4)]


def test_letters_that_are_nearly_alike_are_coded_by_what_differs():
    bits = scanned()
    coded = _jbig2.encode(bits)
    parts = list(segments(coded))
    assert [kind for kind, _, _ in parts] == [48, 0, 6, 39]
    height, width = bits.shape
    symbols = dictionary(parts[1][2])
    assert len(symbols) < 8
    seen, changed = text(parts[2][2], width, height, symbols)
    assert changed > 200
    assert (seen & ~bits & 1).sum() == 0
    assert len(coded) < 0.85 * len(pixel_by_pixel(bits))


def test_pixels_are_moved_to_the_dots_of_a_halftone(monkeypatch):
    bits = screened()
    near = len(_jbig2.encode(bits))
    assert any(max(map(abs, place)) >= 6 for place in _jbig2_generic.plan(bits).places)
    monkeypatch.setattr(_jbig2_generic._Sample, "best_places", lambda _: _jbig2_generic.USUAL)
    assert near < 0.8 * len(_jbig2.encode(bits))


def test_lengths_are_foretold():
    for name in ("noise", "text", "scanned", "dirty-letters"):
        told = _jbig2_generic.plan(PICTURES[name]).bits / 8
        assert abs(told - len(pixel_by_pixel(PICTURES[name]))) < 0.1 * told + 60


def test_a_dense_scan_is_coded_by_its_letters():
    bits = np.block([[scanned(4 * row + column) for column in range(4)] for row in range(4)])
    coded = _jbig2.encode(bits)
    assert [kind for kind, _, _ in segments(coded)] == [48, 0, 6, 39]
    assert len(coded) < 0.75 * len(pixel_by_pixel(bits))


def test_letters_beside_a_halftone_are_coded_by_themselves():
    page = np.pad(np.tile(letters(), (3, 1)), ((0, 130), (0, 0)))
    page[450:570, 20:200] = screened()
    coded = _jbig2.encode(page)
    assert (decode(coded) == page).all()
    assert [kind for kind, _, _ in segments(coded)] == [48, 0, 6, 39]
    assert len(coded) < 0.9 * len(pixel_by_pixel(page))


def test_pixels_are_moved_for_line_art_too():
    y, x = np.mgrid[0:900, 0:1200].astype(float)
    waves = np.sin(np.hypot(x - 300, y - 500) / 9 + np.sin(x / 70)) + np.sin(y / 31 + np.cos(x / 50))
    bits = (np.abs(waves) < 0.2).astype(np.uint8)
    plan = _jbig2_generic.plan(bits)
    tuned = _jbig2_generic.tuned(bits, plan)
    assert set(tuned.places) != set(plan.places)
    assert tuned.bits < 0.97 * plan.bits


def decoders():
    """Return programs that render the first page of a PDF to a file, as far as they are there."""
    found = {
        "pdftoppm": ["pdftoppm", "-mono", "-r", "72", "-singlefile", "a.pdf", "a"],
        "mutool": ["mutool", "draw", "-q", "-r", "72", "-c", "gray", "-o", "a.pgm", "a.pdf", "1"],
    }
    return {name: command for name, command in found.items() if shutil.which(name)}


@pytest.mark.parametrize("reader", decoders())
@pytest.mark.parametrize("name", PICTURES)
def test_other_readers_see_the_same(name, reader, tmp_path):
    bits = PICTURES[name]
    embedded(bits, tmp_path / "a.pdf")
    subprocess.run(decoders()[reader], cwd=tmp_path, check=True)
    with Image.open(next(tmp_path.glob("a.p[bg]m"))) as seen:
        assert np.array_equal(np.asarray(seen.convert("L"))[4::8, 4::8] < 128, bits.astype(bool))
