import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediamill.engine import messages
from mediamill.engine.messages import FromWorker, Message, ToWorker, Unpacker, pack
from mediamill.engine.settings import Settings
from mediamill.protocol.errors import CorruptInput
from mediamill.protocol.results import Output, Result, failed

OUTPUT = Output(path="a.png", format="png", width=1, height=2, size_bytes=3, data_base64=b"\x00\xff", score=1.5)
RESULT = Result(success=True, operation="x", id="a", outputs=[OUTPUT], metadata={"k": [1, None, "é"]}, meta={"m": 1})
TO_WORKER: list[Message] = [
    messages.Setup(Settings(workers=3, roots=("/a", "/b"))),
    messages.Run("resize", b"\x80", 4),
    messages.Grant(True),
    messages.Grant(False),
    messages.Answer(None),
    messages.Answer({"choice": [1, "b"]}),
]
FROM_WORKER: list[Message] = [
    messages.Ready(),
    messages.Begun(),
    messages.Temporary(b"/tmp/caf\xe9"),
    messages.ProgressMade(12.5, "half", {"decode": 100.0}),
    messages.ProgressMade(0.0, None, {}),
    messages.Encoded("a.png", "png", 1, 2, 3),
    messages.Need(1 << 40),
    messages.Ask("r1", "Password?", "password"),
    messages.Commit([(b"/a/.mm\xff", b"/a/\xfe", True)], RESULT),
    messages.Done(RESULT, 5),
    messages.Done(None, 5),
    messages.Done(failed("x", CorruptInput("No.", received=[1], detail="d"), id=2**63), 5),
]


@pytest.mark.parametrize(("kind", "samples"), [(ToWorker, TO_WORKER), (FromWorker, FROM_WORKER)])
def test_each_message_comes_out_as_it_went_in(kind: Any, samples: list[Message]) -> None:
    for message in samples:
        assert Unpacker(kind).feed(pack(message)) == [message]


def test_every_kind_of_message_has_a_sample_here() -> None:
    assert {type(message) for message in [*TO_WORKER, *FROM_WORKER]} == set(Message.__subclasses__())


@given(st.lists(st.sampled_from(FROM_WORKER), max_size=6), st.data())
@settings(deadline=None)
def test_any_chunking_gives_the_same_messages(sent: list[Message], data: st.DataObject) -> None:
    whole = b"".join(map(pack, sent))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    unpacker = Unpacker(FromWorker)
    chunks = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert [message for chunk in chunks for message in unpacker.feed(chunk)] == sent


def framed(body: bytes) -> bytes:
    return len(body).to_bytes(4, "little") + body


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        b"hello",
        msgspec.msgpack.encode({"a": 1}),
        msgspec.msgpack.encode(["NoSuchMessage"]),
        msgspec.msgpack.encode(["Done"]),
        msgspec.msgpack.encode(["Need", "much"]),
        msgspec.msgpack.encode(["Run", "x", b"", 1]),
        pack(messages.Ready())[4:] + b"\x00",
        b"\xdd\xff\xff\xff\xff",
        b"\x94\xa3Ask\xa1\xff\xa1b\xa1c",
    ],
)
def test_garbage_raises(body: bytes) -> None:
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        Unpacker(FromWorker).feed(framed(body))


@given(st.binary(max_size=40))
@settings(deadline=None)
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
        Unpacker(FromWorker).feed(framed(body))
