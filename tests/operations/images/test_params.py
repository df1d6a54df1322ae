import msgspec
import pytest

from mediamill.operations.images import convert, resize
from mediamill.operations.images._params import parse_colour, suffix_format
from mediamill.protocol.errors import InvalidJob


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("white", (255, 255, 255, 255)),
        ("#abc", (170, 187, 204, 255)),
        ("#abc8", (170, 187, 204, 136)),
        ("#102030", (16, 32, 48, 255)),
        ("#10203040", (16, 32, 48, 64)),
        ("RebeccaPurple", (102, 51, 153, 255)),
        ("transparent", (0, 0, 0, 0)),
    ],
)
def test_colours(text, colour):
    assert parse_colour(text) == colour


@pytest.mark.parametrize("text", ["#12", "#12345", "#ggg", "whit", "rgb(1,2,3)", " "])
def test_other_colours_are_refused(text):
    with pytest.raises(InvalidJob) as caught:
        parse_colour(text)
    assert caught.value.field == "background"
    assert caught.value.received == text


def test_a_mistyped_colour_names_the_nearest():
    with pytest.raises(InvalidJob) as caught:
        parse_colour("rebecapurple")
    assert caught.value.suggestion == "rebeccapurple"


@pytest.mark.parametrize(
    ("path", "format_name"), [("a.JPG", "jpeg"), ("a.tif", "tiff"), ("b.c/a", None), ("a.b.webp", "webp")]
)
def test_suffixes(path, format_name):
    assert suffix_format(path) == format_name


def test_a_suffix_of_no_format_is_refused():
    with pytest.raises(InvalidJob) as caught:
        suffix_format("a.wepb")
    assert caught.value.suggestion == "webp"


@pytest.mark.parametrize(
    ("fields", "blamed"),
    [
        ({}, "output"),
        ({"output": "a.png", "output_dir": "b"}, "output_dir"),
        ({"output": "a.png", "background": "nocolour"}, "background"),
        ({"output": "a.png", "progress": True}, "progress"),
    ],
)
def test_rules_across_fields(code, job, fields, blamed):
    result = job("resize", input="a.png", widths=[10], **fields)
    assert result.error_info.code == "invalid_job"
    assert result.error_info.field == blamed


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("quality", [1, 100], [0, 101, 1.5, "80"]),
        ("effort", [0, 9], [-1, 10]),
        ("format", ["jpg", "auto", "tiff"], ["bmp", "JPEG"]),
        ("metadata", ["none", "copyright", "icc", "all"], ["exif"]),
        ("chroma_subsampling", ["auto", "4:2:0", "4:4:4"], ["4:1:1"]),
        ("widths", [[1], [65535]], [[], [0], [65536], list(range(1, 66)), 100]),
        ("sharpen", [0, 10], [-1, 11]),
        ("focal_x", [0, 1], [-0.1, 1.1]),
        ("max_height", [1], [0]),
        ("name", ["{name}"], [""]),
    ],
)
def test_bounds(field, good, bad):
    base = {"operation": "resize", "input": "a.png", "output_dir": "out", "widths": [10]}
    for value in good:
        msgspec.convert(base | {field: value}, resize.Params)
    for value in bad:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(base | {field: value}, resize.Params)


@pytest.mark.parametrize(("field", "good", "bad"), [("scale_percent", [0.5, 1000], [0, -1, 1001])])
def test_bounds_of_percents(field, good, bad):
    base = {"operation": "resize", "input": "a.png", "output_dir": "out"}
    for value in good:
        msgspec.convert(base | {field: value}, resize.Params)
    for value in bad:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(base | {field: value}, resize.Params)


def test_every_field_is_described():
    for params in (resize.Params, convert.Params):
        schema = msgspec.json.schema(params)["$defs"]["Params"]["properties"]
        for name, field in schema.items():
            if name != "operation":
                described = "description" in field or any("description" in one for one in field.get("anyOf", []))
                assert described or "$ref" in field, name
