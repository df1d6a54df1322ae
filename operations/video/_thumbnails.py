"""The course of a job that takes still pictures out of a film: look, plan, claim, take, write, report."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mediamill.operations.contract import Context, Plan, Stream, Target
from mediamill.operations.images._effort import EFFORTS
from mediamill.operations.images._encode import DEFAULT_QUALITY, Encoding, check_side, same_look
from mediamill.operations.images._geometry import fit
from mediamill.operations.images._params import EXTENSIONS
from mediamill.operations.images._picture import Picture, encoded
from mediamill.operations.images._targets import fill_template
from mediamill.operations.images._vips import vips
from mediamill.operations.streams._damage import Damage
from mediamill.operations.streams._facts import MediaFacts, VideoFacts, first_frame, look_at_cover, read_facts
from mediamill.operations.streams._open import demuxer, open_input, packets
from mediamill.operations.video._moments import Part, between, checked, evenly, regularly, resolved
from mediamill.operations.video._score import Score, rate
from mediamill.operations.video._sheet import Layout, Size, joined, vtt
from mediamill.operations.video._shots import Shot, Shots
from mediamill.operations.video._still import StillCode, Stills, stills
from mediamill.operations.video._still_params import StillJob, check_template, is_auto, still_format
from mediamill.operations.video._telling import most_telling
from mediamill.protocol.errors import CorruptInput, InvalidJob, UnsupportedFormat
from mediamill.protocol.results import text

if TYPE_CHECKING:
    import pyvips
    from av.container import InputContainer

NAME_ONE, NAME_SEVERAL = "{name}.{ext}", "{name}-{index}.{ext}"
TILE_WIDTH = 160

_SEEKABLE = ("mp4", "mov", "matroska")
"""Formats with an index, which can be gone back in after their first picture was read."""

_SKIP_SECONDS = 10.0
"""How far skip_black looks for a frame that is not black."""

_BASE_BYTES = 96 << 20
_FRAMES_HELD = 24
"""Frames a decoder refers to, reorders and works on at once, on the safe side."""

_INDEX = re.compile(r"[-_.]?\{index\}")


class Prepared(Struct, frozen=True, kw_only=True):
    """A job whose source has been looked at.

    Attributes:
        stream: The source.
        facts: What it is.
        video: Its picture, or its cover.
        duration: Seconds of the film's clock its picture lasts.
        parts: When pictures are taken; one without meaning where the most telling frame is looked for.
        still: What becomes of frames.
        layout: How tiles are arranged; None where there is no sheet.
        code: How pictures are coded.
        plan: What will be written; the WebVTT file comes last.
    """

    stream: Stream
    facts: MediaFacts
    video: VideoFacts
    duration: float
    parts: list[Part]
    still: StillCode
    layout: Layout | None
    code: Encoding
    plan: Plan

    @property
    def is_cover(self) -> bool:
        """Whether the picture is attached to a sound."""
        return self.facts.video is None


def prepare(job: StillJob, ctx: Context, stream: Stream, facts: MediaFacts) -> Prepared:
    """Work out the outputs of a job whose source has been looked at.

    Raises:
        MediaError: One of the table's: there is no picture, a moment is beyond the end, or an output cannot be.
    """
    video = facts.video or look_at_cover(stream, facts, ctx.limits)
    if video is None:
        raise UnsupportedFormat(
            f"Input has sound but no picture: {text(stream.name, 200)}", field="input", expected="a film"
        )
    duration = _duration(stream, facts, ctx)
    parts = _parts(job, duration)
    width = TILE_WIDTH if job.sheet and job.width is None and job.height is None else job.width
    geometry, _ = fit(video.shown, width, job.height)
    format_name = still_format(job)
    still = StillCode(geometry.size, alpha=video.alpha)
    layout = Layout(geometry.size, job.columns, job.rows, len(parts)) if job.sheet else None
    code = Encoding(
        format=format_name,
        quality=same_look(DEFAULT_QUALITY, format_name) if job.quality is None else job.quality,
        effort=EFFORTS[format_name] if job.effort is None else job.effort,
    )
    return Prepared(
        stream=stream,
        facts=facts,
        video=video,
        duration=duration,
        parts=parts,
        still=still,
        layout=layout,
        code=code,
        plan=_plan(job, stream.name, video, geometry.size, parts, layout, code),
    )


def carry_out(job: StillJob, ctx: Context) -> dict[str, Any]:
    """Make a job's outputs and return its metadata.

    Raises:
        MediaError: What `prepare` raises, or nothing can be decoded, or an output cannot be written.
    """
    stream = open_input(ctx, job.input)
    with demuxer(stream) as container:
        facts = read_facts(container, stream, ctx.limits)
        # Opening again would cost a tenth of one picture; for many, what decodes on all threads is worth it.
        if facts.video is not None and facts.duration and facts.format in _SEEKABLE and _is_single(job):
            return _make(job, prepare(job, ctx, stream, facts), container, ctx)
    prepared = prepare(job, ctx, stream, facts)
    with demuxer(stream) as container:
        return _make(job, prepared, container, ctx)


def _is_single(job: StillJob) -> bool:
    return not job.sheet and (is_auto(job) or job.timestamp is not None)


def _make(job: StillJob, prepared: Prepared, container: "InputContainer", ctx: Context) -> dict[str, Any]:
    ctx.reserve(prepared.plan.memory_bytes)
    claimed = ctx.claim(prepared.plan)
    found: dict[str, Any] = {"source": _source(prepared)}
    if not claimed:
        return found
    vips(ctx.threads)
    damage = Damage(strict=job.strict)
    with stills(prepared.video, prepared.still, ctx.threads) as maker:
        if prepared.is_cover:
            frame = first_frame(container, container.streams[prepared.video.index])
            taken: Iterator[tuple[int, Shot]] = ((index, Shot(0.0, frame)) for index in range(len(prepared.parts)))
        else:
            shots = Shots(
                container,
                prepared.video,
                prepared.facts.start,
                prepared.facts.format,
                damage,
                ctx.threads,
                ctx.check,
            )
            taken = _taken(job, prepared, shots)
        write = _write_sheets if prepared.layout is not None else _write_pictures
        told = write(prepared, taken, maker, claimed, ctx)
    if not told:
        raise CorruptInput("No picture of the film can be decoded.", detail=damage.first or None)
    if prepared.video.interlaced:
        found["deinterlaced"] = True
    if prepared.video.colour.hdr is not None:
        found["tone_mapped"] = prepared.video.colour.hdr
    return found | told | damage.told()


def _taken(job: StillJob, prepared: Prepared, shots: Shots) -> Iterator[tuple[int, Shot]]:
    """Yield the frame of each part, with the part's index."""
    if is_auto(job):
        best = most_telling(shots, prepared.duration)
        if best is not None and best.shot.frame.interlaced_frame:
            yield from shots.at([best.shot.time])  # with its neighbours
        elif best is not None:
            yield 0, best.shot
        return
    black: list[tuple[int, Shot]] = []
    for index, shot in shots.at([part.time for part in prepared.parts]):
        if job.skip_black and rate(shot).black:
            black.append((index, shot))
        else:
            yield index, shot
    for index, shot in black:
        following = shots.every(shot.time, shot.time + _SKIP_SECONDS)
        yield index, next((one for one in following if not rate(one).black), shot)


def _write_pictures(
    prepared: Prepared, taken: Iterator[tuple[int, Shot]], maker: Stills, claimed: Sequence[Target], ctx: Context
) -> dict[str, Any]:
    targets, count = prepared.plan.targets, len(prepared.parts)
    told: dict[int, dict[str, float]] = {}
    ctx.progress(0.0, f"0 of {count} pictures")
    for index, shot in taken:
        score = rate(shot)
        told[index] = _told(shot, score)
        if targets[index] in claimed:
            data, _ = encoded(Picture((maker.picture(shot),)), prepared.code)
            ctx.write(targets[index], data, **told[index], **prepared.code.shown_quality)
        ctx.progress(100 * len(told) / count, f"{len(told)} of {count} pictures")
    return {"thumbnails": [told[index] for index in sorted(told)]} if told else {}


def _write_sheets(
    prepared: Prepared, taken: Iterator[tuple[int, Shot]], maker: Stills, claimed: Sequence[Target], ctx: Context
) -> dict[str, Any]:
    layout, targets = prepared.layout, prepared.plan.targets
    assert layout is not None
    tiles: list[pyvips.Image] = []
    sheets = done = 0
    ctx.progress(0.0, f"0 of {layout.count} tiles")
    for _, shot in taken:
        tiles.append(maker.picture(shot))
        done += 1
        if len(tiles) == layout.tiles(sheets):
            if targets[sheets] in claimed:
                data, _ = encoded(Picture((joined(tiles, layout),)), prepared.code)
                ctx.write(targets[sheets], data, **prepared.code.shown_quality)
            sheets, tiles = sheets + 1, []
        ctx.progress(100 * done / layout.count, f"{done} of {layout.count} tiles")
    if not done:
        return {}
    if targets[-1] in claimed:
        names = [os.path.basename(target.path) or f"sheet-{number}" for number, target in enumerate(targets[:-1], 1)]
        ctx.write(targets[-1], vtt(prepared.parts, layout, names))
    return {
        "sheets": sheets,
        "tiles": done,
        "columns": layout.columns,
        "tile_width": layout.tile[0],
        "tile_height": layout.tile[1],
    }


def _told(shot: Shot, score: Score) -> dict[str, float]:
    return {"timestamp": round(shot.time, 3), "score": round(score.value, 3)}


def _duration(stream: Stream, facts: MediaFacts, ctx: Context) -> float:
    """Return how long the picture lasts, by the header or, where that says nothing, by the packets."""
    video = facts.video
    if video is None:
        return facts.duration
    if video.duration:
        return max(0.0, video.start - facts.start) + video.duration
    if facts.duration:
        return facts.duration
    end = facts.start
    with demuxer(stream) as container:
        for packet in packets(container, container.streams[video.index]):
            ctx.check()
            if packet.pts is not None:
                end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    return end - facts.start


def _parts(job: StillJob, duration: float) -> list[Part]:
    """Return when pictures are taken."""
    if job.count is not None:
        return evenly(job.count, duration)
    if job.every is not None:
        return regularly(job.every, duration)
    if job.sheet and job.timestamps is None and job.percentages is None:
        return evenly(min(max(1, int(duration)), job.columns * job.rows), duration)
    if is_auto(job):
        return [Part(0.0, duration, 0.0)]
    times = _times(job, duration)
    return between(sorted(times), duration) if job.sheet else [Part(time, time, time) for time in times]


def _times(job: StillJob, duration: float) -> list[float]:
    if job.timestamp is not None:
        return resolved(checked([job.timestamp], "timestamp"), duration, ["timestamp"])
    if job.percentages is not None:
        return [share / 100 * duration for share in job.percentages]
    given = job.timestamps or []
    fields = [f"timestamps[{index}]" for index in range(len(given))]
    return resolved(checked(given, "timestamps"), duration, fields)


def _plan(
    job: StillJob,
    name: str,
    video: VideoFacts,
    size: Size,
    parts: Sequence[Part],
    layout: Layout | None,
    code: Encoding,
) -> Plan:
    sizes = [layout.size(sheet) for sheet in range(layout.sheets)] if layout is not None else [size] * len(parts)
    if len(sizes) > 1:
        check_template(job)
    for one in sizes:
        check_side(code.format, one)
    place = _placing(job, name, len(sizes), code)
    targets = [
        Target(path=place(number, one), format=code.format, width=one[0], height=one[1])
        for number, one in enumerate(sizes, 1)
    ]
    if layout is not None:
        targets.append(Target(path=place(None, sizes[0]), format="vtt"))
    sample = 2 if video.depth > 8 else 1
    decoded = video.width * video.height
    largest = max(width * height for width, height in sizes)
    return Plan(
        targets=tuple(targets),
        memory_bytes=_BASE_BYTES + decoded * 2 * sample * _FRAMES_HELD + largest * 16,
        pixels=len(parts) * decoded + sum(width * height for width, height in sizes),
    )


def _placing(job: StillJob, name: str, count: int, code: Encoding) -> Callable[[int | None, Size], str]:
    """Return what gives an output's path by its number and size; empty where its bytes are only returned inline.

    Without a number it is the WebVTT file's, named like the sheets.
    """
    stem = os.path.splitext(name)[0] or name

    def place(number: int | None, size: Size) -> str:
        template = job.output or job.name or (NAME_SEVERAL if count > 1 else NAME_ONE)
        if number is None:
            template = _INDEX.sub("", template)
        values: dict[str, object] = {"name": stem, "ext": EXTENSIONS[code.format], "format": code.format}
        values |= {"index": number, "width": size[0], "height": size[1]}
        if job.output is not None:
            made = fill_template(template, values, "output", strict=False)
        elif job.output_dir is None:
            return ""
        else:
            made = fill_template(template, values, "name", strict=True)
            if "/" in made or os.sep in made or made in (".", ".."):
                raise InvalidJob(
                    "name makes file names, not paths.",
                    field="name",
                    received=template,
                    expected="a name without separators",
                )
            made = os.path.join(job.output_dir, made)
        return made if number is not None else os.path.splitext(made)[0] + ".vtt"

    return place


def _source(prepared: Prepared) -> dict[str, Any]:
    video = prepared.video
    found: dict[str, Any] = {
        "format": prepared.facts.format,
        "codec": video.codec,
        "width": video.shown[0],
        "height": video.shown[1],
        "duration": round(prepared.duration, 3),
    }
    return found | ({"cover": True} if prepared.is_cover else {})
