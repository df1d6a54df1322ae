import json

import msgspec
import pytest

from mediamill.protocol import events
from mediamill.protocol.events import EVENTS, Event, Stage

SAMPLES: list[tuple[Event, str]] = [
    (events.Started(id="a", operation="resize"), '{"event":"started","id":"a","operation":"resize"}'),
    (events.Started(id=1, operation="x", attempt=2), '{"event":"started","id":1,"operation":"x","attempt":2}'),
    (events.Progress(id="a", percent=12.5), '{"event":"progress","id":"a","percent":12.5}'),
    (
        events.Progress(id="a", percent=50.0, message="half", stages={"decode": Stage(percent=100.0, message="done")}),
        '{"event":"progress","id":"a","percent":50.0,"message":"half",'
        '"stages":{"decode":{"percent":100.0,"message":"done"}}}',
    ),
    (
        events.OutputMade(id="a", path="o.png", format="png", width=3, height=2, size_bytes=9),
        '{"event":"output","id":"a","path":"o.png","format":"png","width":3,"height":2,"size_bytes":9}',
    ),
    (
        events.Retry(id="a", attempt=1, code="worker_crashed", message="It died."),
        '{"event":"retry","id":"a","attempt":1,"code":"worker_crashed","message":"It died."}',
    ),
    (
        events.InputNeeded(id="a", request_id="r1", question="Password?", kind="password"),
        '{"event":"input_needed","id":"a","request_id":"r1","question":"Password?","kind":"password"}',
    ),
    (events.Log(level="warning", message="Hm."), '{"event":"log","level":"warning","message":"Hm."}'),
    (events.Pong(), '{"event":"pong"}'),
    (events.Pong(id=3), '{"event":"pong","id":3}'),
    (
        events.HelloEvent(protocol=1, engine="0.1.0", operations=["resize"], formats={}, limits={}),
        '{"event":"hello","protocol":1,"engine":"0.1.0","operations":["resize"],"formats":{},"limits":{}}',
    ),
]


@pytest.mark.parametrize(("event", "line"), SAMPLES)
def test_an_event_is_one_line_that_starts_with_its_name(event: Event, line: str) -> None:
    assert msgspec.json.encode(event).decode() == line
    assert msgspec.json.decode(line, type=type(event)) == event


def test_the_events_are_those_of_the_protocol() -> None:
    names = [str(kind.__struct_config__.tag) for kind in EVENTS]
    assert sorted(names) == sorted(
        ["started", "progress", "output", "retry", "input_needed", "log", "hello", "pong", "stats"]
    )


@pytest.mark.parametrize("kind", EVENTS)
def test_an_event_has_no_success_so_clients_can_skip_it(kind: type[Event]) -> None:
    assert "success" not in kind.__struct_fields__
    assert kind.__doc__


def test_stats_are_told_in_full() -> None:
    stats = events.StatsEvent(
        queued=0, running=0, succeeded=1, failed=0, retried=0, merged=0, workers=2, workers_started=2, workers_died=0,
        memory_bytes=5, uptime=1.5,
    )  # fmt: skip
    assert set(json.loads(msgspec.json.encode(stats))) == {"event", *events.StatsEvent.__struct_fields__}
