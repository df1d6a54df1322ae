import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediamill.protocol.names import nearest

KNOWN = ("resize", "convert", "video_transcode", "quality")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("resize", "resize"),
        ("reszie", "resize"),
        ("RESIZE", "resize"),
        ("video-transcode", "video_transcode"),
        ("Video-Transcod", "video_transcode"),
        ("qualty", "quality"),
        ("zzz", None),
        ("", None),
    ],
)
def test_the_nearest_name_is_what_was_meant(name: str, found: str | None) -> None:
    assert nearest(name, KNOWN) == found


def test_without_known_names_none_is_near() -> None:
    assert nearest("resize", []) is None


def test_known_names_may_come_from_an_iterator() -> None:
    assert nearest("resize", iter(KNOWN)) == "resize"


@given(st.text(max_size=40))
@settings(deadline=None)
def test_what_is_found_is_always_known(name: str) -> None:
    assert nearest(name, KNOWN) in (*KNOWN, None)
