import pytest

from mediamill.operations.streams._times import Moment, parse_moment, parse_seconds
from mediamill.protocol.errors import InvalidJob


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (0, 0.0),
        (12.5, 12.5),
        ("12.5", 12.5),
        ("90", 90.0),
        ("0", 0.0),
        (" 7. ", 7.0),
        ("1:30", 90.0),
        ("01:02:03.456", 3723.456),
        ("100:00:00", 360_000.0),
        ("00:00:00.000", 0.0),
        ("59:59.999", 3599.999),
        (1e8, 1e8),
    ],
)
def test_times(value, seconds):
    assert parse_seconds(value, "start") == pytest.approx(seconds, abs=1e-9)
    assert parse_moment(value, "start").at(1000.0) == pytest.approx(seconds, abs=1e-9)


@pytest.mark.parametrize(
    "value",
    [-1, -0.001, "-1", float("nan"), float("inf"), 1e9, "1e3", "", "now", "1:60", "1:2:60", "60:00:00:00", "1:", ":30",
     "00:61:00", "1:30%", "\u0661", "1,5", "1 2", "0x10"],
)  # fmt: skip
def test_what_is_no_time(value):
    for parse in (parse_seconds, parse_moment):
        with pytest.raises(InvalidJob) as raised:
            parse(value, "start")
        assert raised.value.field == "start"
        assert "HH:MM:SS.mmm" in raised.value.message
        assert raised.value.received in (value, str(value))


@pytest.mark.parametrize(("value", "share"), [("0%", 0.0), ("25%", 0.25), ("12.5 %", 0.125), ("100%", 1.0)])
def test_percentages(value, share):
    assert parse_moment(value, "timestamp") == Moment(share=share)
    assert parse_moment(value, "timestamp").at(80.0) == pytest.approx(80 * share)
    with pytest.raises(InvalidJob):
        parse_seconds(value, "start")


@pytest.mark.parametrize("value", ["100.1%", "-1%", "%", "1:00%"])
def test_what_is_no_percentage(value):
    with pytest.raises(InvalidJob, match="100%"):
        parse_moment(value, "timestamp")
