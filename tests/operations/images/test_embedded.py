import io

import pytest
from PIL import Image

from mediamill.operations.images import _embedded
from mediamill.operations.images._vips import vips

OWNER, ARTIST, MAKE, GPS = 0x8298, 0x013B, 0x010F, 0x8825


def exif():
    made = Image.Exif()
    made[OWNER], made[MAKE], made[0x0112] = "(c) Somebody", "Camera", 6
    made.get_ifd(GPS)[1] = "N"
    made.get_ifd(GPS)[2] = (48.0, 51.0, 0.0)
    return made


def saved(path, picture):
    """Save a picture with EXIF; Pillow writes directories into a TIFF only where it has read them from a file."""
    picture = Image.frombytes(picture.mode, picture.size, picture.tobytes())
    if path.suffix == ".jpg":
        picture.save(path, exif=exif().tobytes(), quality=90)
        return
    carrier = io.BytesIO()
    picture.save(carrier, "JPEG", exif=exif().tobytes())
    with Image.open(carrier) as read:
        picture.save(path, exif=read.getexif())


@pytest.mark.parametrize(
    ("metadata", "kept"),
    [("none", set()), ("icc", set()), ("copyright", {OWNER}), ("all", {OWNER, MAKE, GPS})],
)
@pytest.mark.parametrize("source", ["jpg", "tiff"])
@pytest.mark.parametrize("suffix", ["tiff", "jpg", "png"])
def test_what_of_exif_goes_into_and_comes_out_of_tiff(done, sample, tmp_path, metadata, kept, source, suffix):
    with Image.open(sample("photo.tiff")) as image:
        saved(tmp_path / f"in.{source}", image)
    done("convert", input=tmp_path / f"in.{source}", output=tmp_path / f"a.{suffix}", metadata=metadata)
    with Image.open(tmp_path / f"a.{suffix}") as image:
        image.load()
        found = image.getexif()
        assert {tag for tag in (OWNER, MAKE, GPS) if tag in found and (tag != GPS or found.get_ifd(GPS))} == kept
        assert found.get(0x0112, 1) == 1


def test_a_tiff_with_exif_is_the_same_picture(done, sample, tmp_path, pixels, distance):
    with Image.open(sample("photo.tiff")) as image:
        saved(tmp_path / "in.tiff", image)
    done("convert", input=tmp_path / "in.tiff", output=tmp_path / "a.tiff", metadata="all")
    done("convert", input=tmp_path / "a.tiff", output=tmp_path / "a.png")
    done("convert", input=tmp_path / "in.tiff", output=tmp_path / "b.png")
    assert distance(pixels(tmp_path / "a.png"), pixels(tmp_path / "b.png")) == 0
    assert pixels(tmp_path / "a.png").shape[:2] == (400, 267)  # turned


@pytest.mark.parametrize(
    "junk", [b"garbage", b"MM\0*\0\0\0\x08\xff\xff", b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0", bytes(70_000)]
)
def test_broken_exif_does_no_harm(junk):
    image = _embedded.embed(vips().Image.black(2, 2), exif=junk)
    for save in ("jpegsave_buffer", "pngsave_buffer", "webpsave_buffer", "tiffsave_buffer"):
        assert getattr(image, save)(keep="all")
    assert _embedded.exif_of_tiff(junk) is None


def test_nothing_is_nothing():
    image = vips().Image.black(2, 2)
    assert _embedded.exif_of(image) is None
    assert _embedded.embed(image).get_typeof("exif-data") == 0


def test_broken_exif_of_a_tiff_is_left_out(done, sample, tmp_path):
    with Image.open(sample("photo.tiff")) as image:
        saved(tmp_path / "in.tiff", image)
    data = bytearray((tmp_path / "in.tiff").read_bytes())
    at = data.index(b"\x25\x88\x04\x00\x01\x00\x00\x00")
    data[at + 8 : at + 12] = b"\xff\xff\xff\x7f"
    (tmp_path / "in.tiff").write_bytes(data)
    done("convert", input=tmp_path / "in.tiff", output=tmp_path / "a.tiff", metadata="all")
    with Image.open(tmp_path / "a.tiff") as image:
        image.load()


@pytest.mark.parametrize(
    "said",
    [
        b'<rdf:Description tiff:Orientation="6"/>',
        b"<rdf:Description><tiff:Orientation>6</tiff:Orientation></rdf:Description>",
    ],
)
@pytest.mark.parametrize("operation", [("resize", {"width": 20}), ("adjust", {"brightness": 0.1})])
def test_xmp_does_not_turn_what_has_been_turned(done, sample, tmp_path, said, operation):
    packet = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
        b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/">' + said + b"</rdf:RDF></x:xmpmeta>"
    )
    body = b"http://ns.adobe.com/xap/1.0/\0" + packet
    data = sample("orientation-6.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(data[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + data[2:])
    name, fields = operation
    done(name, input=tmp_path / "a.jpg", metadata="all", output=tmp_path / "b.jpg", **fields)
    assert said.replace(b"6", b"1") in (tmp_path / "b.jpg").read_bytes()
