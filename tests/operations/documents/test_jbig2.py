import struct

import numpy as np
import pikepdf
import pypdfium2
import pytest

from mediamill.operations.documents import _jbig2, _mq

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


def decode(stream):
    """Decode a page with one generic region of template 0, as 6.2.5 says."""
    segments, at = [], 0
    while at < len(stream):
        number, kind, refers, page, size = struct.unpack_from(">IBBBI", stream, at)
        assert (number, refers, page) == (len(segments), 0, 1)
        segments.append((kind, stream[at + 11 : at + 11 + size]))
        at += 11 + size
    (first, page), (second, region) = segments
    assert (first, second) == (48, 39)
    width, height = struct.unpack_from(">II", page)
    assert struct.unpack_from(">4IB", region) == (width, height, 0, 0, 0)
    assert region[17] == 0b1000
    moved = struct.unpack_from("8b", region, 18)
    decoder, repeats = Decoder(region[26:]), 0
    rows = [[0] * width, [0] * width]

    def pixel(across, row):
        return row[across] if 0 <= across < width else 0

    for _ in range(height):
        repeats ^= decoder.decision(0x9B25)
        if repeats:
            rows.append(rows[-1])
            continue
        row = [0] * width
        above, higher = rows[-1], rows[-2]
        by_row = {0: row, -1: above, -2: higher}
        for x in range(width):
            places = [(x - 1, row), (x - 2, row), (x - 3, row), (x - 4, row), (x + moved[0], by_row[moved[1]])]
            places += [(x + step, above) for step in (2, 1, 0, -1, -2)]
            places += [(x + moved[2], by_row[moved[3]]), (x + moved[4], by_row[moved[5]])]
            places += [(x + step, higher) for step in (1, 0, -1)] + [(x + moved[6], by_row[moved[7]])]
            context = sum(pixel(*place) << bit for bit, place in enumerate(places))
            row[x] = decoder.decision(context)
        rows.append(row)
    return np.array(rows[2:], np.uint8).reshape(height, width)


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
    }


PICTURES = pictures()


@pytest.mark.parametrize("name", PICTURES)
def test_what_is_coded_is_decoded_pixel_by_pixel(name):
    assert (decode(_jbig2.encode(PICTURES[name])) == PICTURES[name]).all()


@pytest.mark.parametrize("name", PICTURES)
def test_pdf_readers_see_the_same(name, tmp_path):
    bits = PICTURES[name]
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
    pdf.save(tmp_path / "a.pdf")
    document = pypdfium2.PdfDocument(tmp_path / "a.pdf")
    seen = document[0].render(scale=1).to_numpy()[4::8, 4::8, 0]
    document.close()
    assert ((seen < 128) == bits.astype(bool)).all()


def test_long_runs_and_single_decisions_code_alike():
    noise = np.random.default_rng(3)
    runs = [(int(noise.integers(4)), int(noise.random() < 0.1), int(noise.integers(1, 3000))) for _ in range(60)]
    single = [(context, decision, 1) for context, decision, count in runs for _ in range(count)]
    coded = _mq.encode(4, runs)
    assert coded == _mq.encode(4, single)
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
