"""Pictures at the edges of a cut, coded so that they stand in one stream with those that are copied.

They take the places in decoding order of the pictures they replace: coded in the order they are shown in, the n-th of
them is decoded when the n-th of the source was, which is never after it is shown.
"""

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Literal

from msgspec import Struct, structs

from mediamill.operations.streams._av import av, output_error
from mediamill.operations.streams._facts import VideoFacts
from mediamill.operations.streams._priority import kept_priority
from mediamill.operations.video import _hevc, _mpeg2, _units
from mediamill.operations.video._codecs import CODECS, CodecName, VideoCode, encoder_options
from mediamill.operations.video._decide import coding_of

FINE: dict[CodecName, int] = {"h264": 16, "h265": 18, "vp8": 4, "vp9": 16, "av1": 18}
"""Rate factors nobody tells from the source: what is cut is not to be seen."""

_PROFILES = {66: "baseline", 77: "main", 100: "high", 110: "high10", 122: "high422", 244: "high444"}
_ONE_SLICE = "bframes=0:open-gop=0:repeat-headers=0:slices=1:wpp=0"
"""Pictures of one slice, in order, whose parameter sets are the same whatever threads there are."""

USUAL_RATE = Fraction(25)

_MPEG2: Literal["mpeg2video"] = "mpeg2video"
_MPEG2_OPTIONS = {"qmin": "2", "qmax": "2", "bf": "0"}


class Joint(Struct, frozen=True, kw_only=True):
    """How pictures coded anew are made to stand beside copied ones.

    Attributes:
        codec: The coding of both.
        parameters: H.264's parameter sets of the source; None for other codings.
        sets: H.265's; likewise.
        sequence: MPEG-2's sequence header; likewise.
        extradata: What the container has to hold for both; None where nothing changes.
    """

    codec: CodecName | Literal["mpeg2video"]
    parameters: _units.Parameters | None = None
    sets: _hevc.Sets | None = None
    sequence: _mpeg2.Sequence | None = None
    extradata: bytes | None = None

    def framed(self, data: bytes) -> bytes:
        """Return the encoder's packet as the source's are.

        Raises:
            ValueError: The encoder's are not what they are taken for.
        """
        if self.parameters is not None:
            return _units.framed(data, self.parameters.length_size)
        if self.sequence is not None:
            return _mpeg2.framed(data, self.sequence)
        return data if self.sets is None else _hevc.framed(data, self.sets)

    def begun(self, data: bytes) -> bytes | None:
        """Return a key picture as copying may begin at it behind others; None where it may not."""
        if self.sets is not None:
            return _hevc.begun(data, self.sets)
        if self.sequence is not None:
            return _mpeg2.begun(data, self.sequence)
        length_size = self.parameters.length_size if self.parameters is not None else 0
        return data if _units.may_join(self.codec, data, length_size) else None

    def is_broken_by(self, data: bytes) -> bool:
        """Return whether a key picture changes its stream so that the container no longer holds what it needs."""
        if self.sets is not None:
            return _hevc.changes(data, self.sets)
        if self.sequence is not None:
            return _mpeg2.changes(data, self.sequence)
        return self.parameters is not None and _units.changes(data, self.parameters)


class Edge:
    """Pictures at one edge of a cut, on their way into packets.

    Args:
        facts: The film.
        joint: What they have to fit.
        threads: How many threads the encoder may use.
        signed: Whether the encoder may write its settings into the film.
    """

    def __init__(self, facts: VideoFacts, joint: Joint, threads: int, *, signed: bool) -> None:
        self._joint = joint
        self._encoder = _encoder(facts, joint, threads, signed=signed)
        self._tick = facts.tick
        self._count = 0
        self._places: dict[int, tuple[int, int, int]] = {}

    def encode(self, frame: Any, dts: int) -> Iterator[Any]:
        """Yield packets of a frame that is to be decoded at `dts`."""
        place = frame.pts, dts, frame.duration or 0
        if self._joint.sequence is not None:  # whose encoder knows no time but its pictures' number
            frame.pts, frame.time_base = self._count, self._encoder.time_base
        self._count += 1
        self._places[frame.pts] = place
        frame.pict_type = 0  # the encoder decides what is a key frame, not the source's
        yield from self._packets(frame)

    def flush(self) -> Iterator[Any]:
        """Yield what the encoder held back."""
        yield from self._packets(None)

    def _packets(self, frame: Any) -> Iterator[Any]:
        try:
            packets = list(map(self._placed, self._encoder.encode(frame)))
        except (av().FFmpegError, ValueError) as error:
            raise output_error(error, f"The {self._encoder.name} encoder") from None
        yield from packets

    def _placed(self, packet: Any) -> Any:
        made: Any = av().Packet(self._joint.framed(bytes(packet)))
        made.time_base = self._tick
        made.pts, made.dts, made.duration = self._places.pop(packet.pts)  # encoders forget how long a picture stands
        made.is_keyframe = packet.is_keyframe
        return made


def joint_for(facts: VideoFacts, extradata: bytes, *, signed: bool) -> Joint | None:
    """Return how pictures can be coded to stand beside a film's own; None where they cannot be trusted to.

    No encoder here but MPEG-2's writes fields the way another one began them.
    """
    if facts.codec == _MPEG2:
        return _joint_of_mpeg2(facts, extradata)
    codec = coding_of(facts.codec)
    if codec is None or facts.interlaced or facts.alpha or facts.pixel_format not in encoder_formats(codec):
        return None
    if CODECS[codec].is_too_thin((facts.width, facts.height)):
        return None
    if codec == "h264":
        parameters = _units.read_parameters(extradata)
        if parameters is None or parameters.free < 0 or parameters.profile not in _PROFILES:
            return None
        joint = Joint(codec=codec, parameters=parameters)
        own = _encoder(facts, joint, 1, signed=signed).extradata
        return structs.replace(joint, extradata=_units.joined(parameters, own))
    if codec == "h265":
        sets = _hevc.read_sets(extradata)
        if sets is None or min(facts.width, facts.height) < CODECS[codec].least:
            return None
        joint = Joint(codec=codec, sets=sets)
        own = _encoder(facts, joint, 1, signed=signed).extradata
        try:
            return structs.replace(joint, extradata=_hevc.joined(sets, own))
        except ValueError:  # another version of the encoder gives numbers of its own
            return None
    return Joint(codec=codec)


def _joint_of_mpeg2(facts: VideoFacts, extradata: bytes) -> Joint | None:
    sequence = _mpeg2.read_sequence(extradata, facts.height, fields=facts.interlaced)
    formats = av().codec.Codec(_MPEG2, "w").video_formats or ()
    if sequence is None or facts.pixel_format not in {one.name for one in formats}:
        return None
    return Joint(codec=_MPEG2, sequence=sequence)


def _encoder(facts: VideoFacts, joint: Joint, threads: int, *, signed: bool) -> Any:
    """Return an opened encoder that belongs to no stream, and keeps a film's size, shape and colours."""
    library = av()
    name = _MPEG2 if joint.codec == _MPEG2 else CODECS[joint.codec].encoder
    context: Any = library.CodecContext.create(name, "w")
    context.width, context.height, context.pix_fmt = facts.width, facts.height, facts.pixel_format
    context.time_base = 1 / USUAL_RATE if joint.sequence is not None else facts.tick
    context.framerate = USUAL_RATE if joint.sequence is not None else facts.rate or USUAL_RATE
    context.sample_aspect_ratio = facts.pixel
    colour = facts.colour
    context.color_primaries, context.color_trc = colour.primaries, colour.transfer
    context.colorspace, context.color_range = colour.matrix, colour.range
    context.thread_type, context.thread_count = "FRAME", threads
    context.options = _options(facts, joint, threads, signed=signed)
    if joint.parameters is not None or joint.sets is not None:
        context.flags |= library.codec.context.Flags.global_header
    try:
        with kept_priority():
            context.open()
    except (library.FFmpegError, ValueError) as error:
        raise output_error(error, f"The {name} encoder") from None
    return context


def _options(facts: VideoFacts, joint: Joint, threads: int, *, signed: bool) -> dict[str, str]:
    if joint.codec == _MPEG2:
        return _MPEG2_OPTIONS | ({"flags": "+ildct+ilme"} if facts.interlaced else {})
    code = VideoCode(
        codec=joint.codec,
        size=(facts.width, facts.height),
        depth=facts.depth,
        preset="fast",
        colour=facts.colour,
        crf=FINE[joint.codec],
        signed=signed,
    )
    return _edge_options(joint, encoder_options(code, threads))


def encoder_formats(codec: CodecName) -> set[str]:
    """Return the pixel formats an encoder takes, as FFmpeg names them."""
    return {one.name for one in av().codec.Codec(CODECS[codec].encoder, "w").video_formats or ()}


def _edge_options(joint: Joint, options: dict[str, str]) -> dict[str, str]:
    """Return what makes an encoder give one packet a frame, in the order they are shown in."""
    if joint.parameters is not None:
        profile = _PROFILES[joint.parameters.profile]
        return options | {"bf": "0", "profile": profile, "x264-params": f"sps-id={joint.parameters.free}"}
    if joint.codec == "h265":
        return options | {"x265-params": f"{options['x265-params']}:{_ONE_SLICE}"}
    if joint.codec == "av1":
        return options | {"preset": "8"}
    return options | {"auto-alt-ref": "0", "lag-in-frames": "0"}


class Ranks:
    """When a source's pictures are decoded, handed out in order to its pictures as they are shown."""

    def __init__(self) -> None:
        self._waiting: deque[int] = deque()

    def read(self, dts: int) -> None:
        """Note a coded picture."""
        self._waiting.append(dts)

    def shown(self) -> int:
        """Return the decoding time of the next picture shown."""
        return self._waiting.popleft()
