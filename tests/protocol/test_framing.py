import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediamill.protocol.framing import BOM, LineSplitter, TooLong


def lines_of(*chunks: bytes, limit: int = 1000) -> list[bytes | int]:
    """Feed chunks and return whole lines, with the size in the place of one that was too long."""
    splitter = LineSplitter(limit)
    found = [line for chunk in chunks for line in splitter.feed(chunk)] + splitter.close()
    return [line.size if isinstance(line, TooLong) else line for line in found]


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"\n", []),
        (b"a", [b"a"]),
        (b"a\n", [b"a"]),
        (b"a\nb", [b"a", b"b"]),
        (b"a\r\nb\r\n", [b"a", b"b"]),
        (b"a\rb\n", [b"a\rb"]),
        (b"a\r\r\n", [b"a\r"]),
        (b"\n\r\n \t\n\na\n\n", [b"a"]),
        (BOM + b"a\n", [b"a"]),
        (BOM + b"a\n" + BOM + b"b\n", [b"a", BOM + b"b"]),
        (BOM, []),
        (BOM + b"\r\n\na", [b"a"]),
        ("\u2028a\u2029\x85b\x0bc\n".encode(), ["\u2028a\u2029\x85b\x0bc".encode()]),
    ],
)
def test_lines_end_at_a_line_feed_and_nowhere_else(data: bytes, lines: list[bytes]) -> None:
    assert lines_of(data) == lines


@given(
    st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\r\n", b"\r", b" ", BOM, "é".encode(), b"x" * 9]), max_size=40),
    st.data(),
)
@settings(deadline=None)
def test_any_chunking_gives_the_same_lines(parts: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=10)))
    chunks = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]

    assert lines_of(*chunks, limit=8) == lines_of(whole, limit=8)
    assert lines_of(*(whole[at : at + 1] for at in range(len(whole))), limit=8) == lines_of(whole, limit=8)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
@pytest.mark.parametrize("start", [b"", BOM])
def test_a_line_of_exactly_the_limit_is_read_and_one_more_is_not(start: bytes, end: bytes) -> None:
    assert lines_of(start + b"x" * 10 + end, limit=10) == [b"x" * 10]
    assert len(lines_of(start + b"x" * 11 + end, limit=10)) == 1
    assert isinstance(lines_of(start + b"x" * 11 + end, limit=10)[0], int)


@pytest.mark.parametrize("extra", range(1, 8))
def test_a_line_that_is_too_long_costs_that_line_alone(extra: int) -> None:
    assert lines_of(b"a\n" + b"x" * (10 + extra) + b"\nb\n", limit=10) == [b"a", 10 + extra, b"b"]


def test_a_line_too_long_at_the_end_without_a_line_feed_is_told_too() -> None:
    assert lines_of(b"x" * 50, limit=10) == [50]


def test_memory_stays_bounded_while_a_long_line_is_thrown_away() -> None:
    splitter = LineSplitter(1 << 16)
    chunk = b"x" * (1 << 16)
    tracemalloc.start()
    for _ in range(500):
        assert splitter.feed(chunk) == []
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 8 * len(chunk)
    (line,) = splitter.feed(b"\n")
    assert isinstance(line, TooLong)
    assert line.size == 500 * len(chunk)
    assert splitter.feed(b"a\n") == [b"a"]
