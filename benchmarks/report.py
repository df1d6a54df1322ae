"""What was found: rows of numbers, as a table for people and as JSON."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

Measure = Literal["ratio", "difference", "value"]
MARKS = {"ratio": "x ", "difference": "d ", "value": ""}
HEADINGS = ("case", "work", "ours", "peer", "result", "median", "min..max", "n", "bound", "met")


@dataclass(frozen=True)
class Bound:
    """What a result has to be: at most or at least a limit."""

    sign: Literal["<=", ">=", "<"]
    limit: float

    def holds(self, value: float) -> bool:
        """Return whether a value is within."""
        compare = {"<=": value <= self.limit, ">=": value >= self.limit, "<": value < self.limit}
        return compare[self.sign]

    def __str__(self) -> str:
        return f"{self.sign} {self.limit:g}"


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        case: The case it belongs to.
        work: What was done, in a few words.
        unit: Of `ours` and `peer`.
        ours: Our side, one number a round or, over many pictures, a picture.
        peer: The other side, likewise; empty where there is none.
        measure: What the result is: ours over peer's, ours minus peer's, or ours alone.
        bound: What the result has to be; None where it is only told.
        missing: What is not installed and how to install it; empty where nothing is missing.
        note: What a reader has to know.
        pictures: The names of the pictures the numbers belong to; empty where they belong to rounds.
    """

    case: str
    work: str
    unit: str
    ours: Sequence[float]
    peer: Sequence[float] = ()
    measure: Measure = "value"
    bound: Bound | None = None
    missing: str = ""
    note: str = ""
    pictures: tuple[str, ...] = ()

    @property
    def results(self) -> list[float]:
        """The result of each round; empty where the other side is missing."""
        if self.measure == "value":
            return list(self.ours)
        if not self.peer:
            return []
        pairs = zip(self.ours, self.peer, strict=True)
        return [mine / other if self.measure == "ratio" else mine - other for mine, other in pairs]

    @property
    def result(self) -> float | None:
        """What the bound is about; None where the other side is missing."""
        results = self.results
        if not results or not self.pictures:
            return _median(results)
        return statistics.geometric_mean(results) if self.measure == "ratio" else statistics.fmean(results)

    def facts(self, *, judge: bool) -> dict[str, Any]:
        """Return the row as plain data.

        Args:
            judge: Whether to say if the bound is met.
        """
        results = self.results
        result = self.result
        return {
            "case": self.case,
            "work": self.work,
            "unit": self.unit,
            "ours": _median(self.ours),
            "peer": _median(self.peer),
            "measure": self.measure,
            "result": result,
            "median": _median(results),
            "min": min(results, default=None),
            "max": max(results, default=None),
            "rounds": len(results) or len(self.ours),
            "bound": None if self.bound is None else asdict(self.bound),
            "met": None if not judge or self.bound is None or result is None else self.bound.holds(result),
            "missing": self.missing or None,
            "note": self.note or None,
            "pictures": dict(zip(self.pictures, results, strict=True)) if results and self.pictures else None,
        }


def merged(found: Sequence[tuple[str, Sequence[Row]]]) -> list[Row]:
    """Return one row for each work that was measured on several pictures.

    Args:
        found: The name of each picture and its rows; a picture may lack some.

    Returns:
        Rows with the median of each picture's rounds in the place of the rounds.
    """
    works: dict[str, list[tuple[str, Row]]] = {}
    for name, rows in found:
        for row in rows:
            works.setdefault(row.work, []).append((name, row))
    return [_over_pictures(each) for each in works.values()]


def _over_pictures(found: Sequence[tuple[str, Row]]) -> Row:
    rows = [row for _, row in found]
    ours = [statistics.median(row.ours) for row in rows if row.ours]
    peer = [statistics.median(row.peer) for row in rows if row.peer]
    return replace(rows[-1], ours=ours, peer=peer, pictures=tuple(name for name, _ in found))


def table(rows: Sequence[Row], *, judge: bool) -> str:
    """Return the rows as a Markdown table whose columns stand straight, with the notes below."""
    lines = [HEADINGS, *(_cells(row, row.facts(judge=judge)) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    text = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(text + _notes(rows)) + "\n"


def _cells(row: Row, facts: dict[str, Any]) -> tuple[str, ...]:
    mark = MARKS[row.measure]
    return (
        row.case,
        row.work,
        _quantity(facts["ours"], row.unit),
        "not installed" if row.missing else _quantity(facts["peer"], row.unit),
        "-" if facts["result"] is None else f"{mark}{_number(facts['result'])}",
        "-" if facts["median"] is None else _number(facts["median"]),
        "-" if facts["median"] is None else f"{_number(facts['min'])}..{_number(facts['max'])}",
        str(facts["rounds"]),
        "-" if row.bound is None else f"{mark}{row.bound}",
        {None: "-", True: "yes", False: "NO"}[facts["met"]],
    )


def _notes(rows: Sequence[Row]) -> list[str]:
    lines = [
        "",
        "`x` is ours over the peer's, `d` ours minus the peer's, otherwise ours alone. The result is the median of the "
        "rounds; over many pictures it is the mean, of ratios the geometric one. The bound is about it.",
    ]
    notes: dict[str, None] = dict.fromkeys(f"{row.case}: {row.note}" for row in rows if row.note)
    missing: dict[str, None] = dict.fromkeys(f"not installed: {row.missing}" for row in rows if row.missing)
    return lines + [f"- {line}" for line in [*notes, *missing]]


def _number(value: float | None) -> str:
    """Return a number with three digits, or all before the point."""
    return "-" if value is None else f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _quantity(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{_number(value)} {unit}".rstrip()


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None
