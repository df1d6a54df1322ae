from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET, Meta, Struct, UnsetType

from mediamill.protocol.errors import InvalidJob
from mediamill.protocol.explain import explain
from mediamill.protocol.job import Source


class Rect(Struct, kw_only=True, forbid_unknown_fields=True):
    x: int = 0
    width: Annotated[int, Meta(ge=1)]


class Params(Struct, kw_only=True, forbid_unknown_fields=True):
    any_int: int = 0
    both: Annotated[int, Meta(ge=1, le=100)] = 1
    low: Annotated[int, Meta(ge=1)] = 1
    high: Annotated[int, Meta(le=9)] = 1
    above: Annotated[float, Meta(gt=0)] = 1.0
    above_to: Annotated[float, Meta(gt=0, le=2)] = 1.0
    below: Annotated[float, Meta(lt=5)] = 1.0
    maybe: Annotated[int, Meta(ge=0, le=25)] | None = None
    unset: Annotated[str, Meta(max_length=3)] | UnsetType = UNSET
    name: Annotated[str, Meta(min_length=1)] = "a"
    code: Annotated[str, Meta(min_length=2, max_length=3)] = "ab"
    long: Annotated[str, Meta(min_length=2)] = "ab"
    color: Annotated[str, Meta(pattern="^#[0-9a-f]{6}$")] = "#ffffff"
    flag: bool = False
    fit: Literal["inside", "cover", "contain"] = "inside"
    angle: Literal[0, 90, 180] = 0
    mixed: Literal["auto"] | Annotated[int, Meta(ge=1, le=100)] = 1
    widths: Annotated[list[Annotated[int, Meta(ge=1, le=100)]], Meta(max_length=3)] = []
    pair: tuple[int, int] = (0, 0)
    rect: Rect | None = None
    rects: list[Rect] = []
    sizes: dict[str, Annotated[int, Meta(ge=1, le=100)]] = {}
    free: dict[str, Any] = {}
    data: bytes = b""
    source: Source = "a"
    sources: list[Source] = []


def told(raw: dict[str, Any], kind: type[Struct] = Params) -> InvalidJob:
    """Return what is said of a message that is not valid."""
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(raw, kind)
    return explain(caught.value, raw, kind)


@pytest.mark.parametrize(
    ("raw", "field", "message"),
    [
        ({"any_int": "1"}, "any_int", "expected integer, received string '1'."),
        ({"any_int": 1.5}, "any_int", "expected integer, received number 1.5."),
        ({"any_int": True}, "any_int", "expected integer, received true."),
        ({"any_int": None}, "any_int", "expected integer, received null."),
        ({"any_int": {}}, "any_int", "expected integer, received an object."),
        ({"any_int": []}, "any_int", "expected integer, received an array."),
        ({"both": 0}, "both", "expected integer 1..100, received integer 0."),
        ({"both": 101}, "both", "expected integer 1..100, received integer 101."),
        ({"low": 0}, "low", "expected integer >= 1, received integer 0."),
        ({"high": 10}, "high", "expected integer <= 9, received integer 10."),
        ({"above": 0}, "above", "expected number > 0, received integer 0."),
        ({"above_to": 3}, "above_to", "expected number above 0..2, received integer 3."),
        ({"below": 5.0}, "below", "expected number < 5, received number 5.0."),
        ({"maybe": 26}, "maybe", "expected integer 0..25 or null, received integer 26."),
        ({"unset": "abcd"}, "unset", "expected string of at most 3 characters, received string 'abcd'."),
        ({"name": ""}, "name", "expected string that is not empty, received string ''."),
        ({"code": "a"}, "code", "expected string of 2 to 3 characters, received string 'a'."),
        ({"long": "a"}, "long", "expected string of at least 2 characters, received string 'a'."),
        ({"color": "red"}, "color", "expected string matching ^#[0-9a-f]{6}$, received string 'red'."),
        ({"flag": 1}, "flag", "expected boolean, received integer 1."),
        ({"fit": 1}, "fit", "expected one of inside, cover, contain, received integer 1."),
        ({"fit": "zzz"}, "fit", "expected one of inside, cover, contain, received string 'zzz'."),
        ({"angle": 45}, "angle", "expected one of 0, 90, 180, received integer 45."),
        ({"mixed": 0}, "mixed", "expected one of auto or integer 1..100, received integer 0."),
        ({"widths": 5}, "widths", "expected array of integer 1..100 of at most 3 items, received integer 5."),
        ({"widths": [1, 2, 3, 4]}, "widths", "expected array of integer 1..100 of at most 3 items, received an array."),
        ({"widths": [1, 0]}, "widths[1]", "expected integer 1..100, received integer 0."),
        ({"pair": [1, "b"]}, "pair[1]", "expected integer, received string 'b'."),
        ({"rect": 5}, "rect", "expected an object with x, width or null, received integer 5."),
        ({"rect": {"width": 0}}, "rect.width", "expected integer >= 1, received integer 0."),
        ({"rects": [{"width": 1}, {"width": 0}]}, "rects[1].width", "expected integer >= 1, received integer 0."),
        ({"sizes": {"webp": 0}}, "sizes", "expected an object of integer 1..100, received an object."),
        ({"sizes": 5}, "sizes", "expected an object of integer 1..100, received integer 5."),
        ({"free": 5}, "free", "expected an object, received integer 5."),
        ({"data": "?"}, "data", "expected base64 text, received string '?'."),
        ({"data": 5}, "data", "expected base64 text, received integer 5."),
        ({"sources": ["a", ""]}, "sources[1]", "received string ''."),
        ({"source": {"path_b64": "*"}}, "source.path_b64", "base64 text that is not empty, received string '*'."),
    ],
)  # fmt: skip
def test_a_wrong_value_is_told_with_field_expectation_and_what_came(
    raw: dict[str, Any], field: str, message: str
) -> None:
    error = told(raw)
    assert error.message.startswith(f"Invalid value for {field!r}: ")
    assert error.message.endswith(message)
    assert error.field == field
    assert error.expected is not None
    assert error.expected in error.message


@pytest.mark.parametrize(
    ("raw", "field", "suggestion"),
    [
        ({"fit": "covre"}, "fit", "cover"),
        ({"fit": "Contain"}, "fit", "contain"),
        ({"mixed": "atuo"}, "mixed", "auto"),
        ({"fti": "cover"}, "fti", "fit"),
        ({"rect": {"widht": 1}}, "rect.widht", "width"),
        ({"rects": [{"width": 1}, {"wdith": 1}]}, "rects[1].wdith", "width"),
        ({"source": {"pth": "a"}}, "source.pth", "path"),
    ],
)
def test_the_nearest_name_is_told(raw: dict[str, Any], field: str, suggestion: str) -> None:
    error = told(raw)
    assert error.message.endswith(f"Did you mean {suggestion!r}?")
    assert (error.field, error.suggestion) == (field, suggestion)


def test_an_unknown_field_lists_the_known_ones() -> None:
    error = told({"zzzzzzz": 1})
    assert error.message == "Unknown field 'zzzzzzz'."
    assert error.expected is not None
    assert error.expected.startswith("one of any_int, both, low")
    assert error.suggestion is None


@pytest.mark.parametrize(
    ("raw", "field"), [({"rect": {}}, "rect.width"), ({"rects": [{"width": 1}, {}]}, "rects[1].width")]
)
def test_a_missing_field_is_told_with_its_type(raw: dict[str, Any], field: str) -> None:
    error = told(raw)
    assert error.message == f"Missing field {field!r}."
    assert (error.field, error.expected) == (field, "integer >= 1")


def test_long_names_and_values_are_cut() -> None:
    assert len(told({"x" * 9000: 1}).message) < 200
    assert len(told({"any_int": "x" * 9000}).message) < 200


@given(
    st.dictionaries(
        st.sampled_from(Params.__struct_fields__) | st.text(max_size=20),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.text(max_size=5) | st.sampled_from(["width", "path", "x` - at `$.a"]), inner, max_size=3
                )
            ),
            max_leaves=5,
        ),
        max_size=3,
    )
)
@settings(deadline=None)
def test_whatever_is_wrong_is_told_in_one_short_sentence(raw: dict[str, Any]) -> None:
    try:
        msgspec.convert(raw, Params)
    except msgspec.ValidationError as error:
        explained = explain(error, raw, Params)
        starts = ("Invalid value for ", "Unknown field ", "Missing field ", "An input object takes exactly one of ")
        assert explained.message.startswith(starts)
        assert len(explained.message) < 1000


class Cut(Struct, frozen=True, forbid_unknown_fields=True, tag_field="operation", tag="cut"):
    width: Annotated[int, Meta(ge=1)]
    height: int = 1

    def __post_init__(self) -> None:
        if self.height > self.width:
            raise InvalidJob(f"Too high, {self.height}, at `$.steps[7]`.", field="height")


class Blur(Struct, frozen=True, forbid_unknown_fields=True, tag_field="operation", tag="blur"):
    sigma: Annotated[float, Meta(ge=0)] = 0.0
    mark: Source | None = None


class Steps(Struct):
    steps: list[Cut | Blur]


@pytest.mark.parametrize(
    ("step", "field", "message"),
    [
        ({"operation": "cut", "width": 1, "height": 2}, "steps[1].height", "Too high, 2, at `$.steps[7]`."),
        ({"operation": "cut", "width": 0}, "steps[1].width", "expected integer >= 1, received integer 0."),
        ({"operation": "cut"}, "steps[1].width", "Missing field 'steps[1].width'."),
        ({"operation": "cut", "wdth": 0}, "steps[1].wdth", "Did you mean 'width'?"),
        ({"operation": "cut", "sigma": 1, "width": 1}, "steps[1].sigma", "Unknown field 'steps[1].sigma'."),
        ({"operation": "blurr"}, "steps[1].operation", "received string 'blurr'. Did you mean 'blur'?"),
        ({"width": 3}, "steps[1].operation", "Missing field 'steps[1].operation'."),
        ({"operation": 3}, "steps[1].operation", "expected one of cut, blur, received integer 3."),
        ({"operation": "blur", "mark": {}}, "steps[1].mark", "received none."),
        (3, "steps[1]", 'expected {"operation": "cut", ...} or {"operation": "blur", ...}, received integer 3.'),
    ],
)  # fmt: skip
def test_what_a_tag_tells_apart_is_judged_by_its_own_type(step: Any, field: str, message: str) -> None:
    raw = {"steps": [{"operation": "blur"}, step]}
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(raw, Steps)
    found = explain(caught.value, raw, Steps)
    assert found.field == field
    assert found.message.endswith(message)
