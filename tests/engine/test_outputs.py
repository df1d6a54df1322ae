import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mediamill.engine.outputs import Move, Outputs, publish
from mediamill.operations.contract import Plan, Target
from mediamill.protocol.errors import (
    DiskFull,
    InvalidJob,
    MediaError,
    OutputExists,
    OutputUnwritable,
    PathDenied,
)


def target(path: Path | str, **facts: Any) -> Target:
    return Target(path=str(path), format="png", **facts)


def make(outputs: Outputs, *paths: Path | str, data: bytes = b"new") -> None:
    """Claim and write all paths, as an operation does."""
    for claimed in outputs.claim(Plan(targets=tuple(map(target, paths))), set()):
        outputs.write(claimed, data, {})


def whole(outputs: Outputs, *paths: Path | str) -> None:
    make(outputs, *paths)
    outputs.publish()


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def identity(path: Path) -> set[tuple[int, int]]:
    return {(path.stat().st_dev, path.stat().st_ino)}


class TestPublish:
    """Outputs appear whole, together, or not at all."""

    def test_nothing_stands_under_its_name_before_all_is_published(self, tmp_path: Path) -> None:
        outputs = Outputs(overwrite="replace")
        make(outputs, tmp_path / "a.png", tmp_path / "b.png")
        assert all(name.startswith(".mm-") and name.endswith(".tmp") for name in names(tmp_path))
        outputs.publish()
        assert names(tmp_path) == ["a.png", "b.png"]
        assert (tmp_path / "a.png").read_bytes() == b"new"

    def test_results_come_in_the_order_of_the_plan_with_their_facts(self, tmp_path: Path) -> None:
        outputs = Outputs(overwrite="replace")
        first, second = outputs.claim(
            Plan(targets=(target(tmp_path / "a", width=3, height=2), target(tmp_path / "b"))), set()
        )
        outputs.write(second, b"12", {"quality": 7})
        outputs.write(first, b"1", {})
        one, two = outputs.results()
        assert (one.path, one.width, one.height, one.size_bytes) == (str(tmp_path / "a"), 3, 2, 1)
        assert (two.path, two.quality, two.size_bytes) == (str(tmp_path / "b"), 7, 2)

    def test_a_library_may_write_under_the_hidden_name(self, tmp_path: Path) -> None:
        outputs = Outputs(overwrite="replace", inline=True)
        (claimed,) = outputs.claim(Plan(targets=(target(tmp_path / "a"),)), set())
        path = Path(outputs.create(claimed))
        assert path.parent == tmp_path
        assert path.name.startswith(".mm-")
        path.write_bytes(b"film")
        made = outputs.finish(claimed, {"duration": 2.5})
        assert (made.size_bytes, made.duration, made.data_base64) == (4, 2.5, b"film")
        outputs.publish()
        assert names(tmp_path) == ["a"]

    def test_a_file_nothing_was_written_to_is_no_output(self, tmp_path: Path) -> None:
        outputs = Outputs(overwrite="replace")
        (claimed,) = outputs.claim(Plan(targets=(target(tmp_path / "a"),)), set())
        outputs.create(claimed)
        with pytest.raises(OutputUnwritable, match="Nothing was written"):
            outputs.finish(claimed, {})
        outputs.discard()
        assert names(tmp_path) == []

    def test_discarding_leaves_nothing(self, tmp_path: Path) -> None:
        outputs = Outputs(overwrite="replace")
        make(outputs, tmp_path / "new" / "deep" / "a.png", tmp_path / "b.png")
        outputs.discard()
        assert names(tmp_path) == []

    def test_folders_that_others_use_meanwhile_stay(self, tmp_path: Path) -> None:
        outputs = Outputs(overwrite="replace")
        make(outputs, tmp_path / "new" / "deep" / "a.png")
        (tmp_path / "new" / "other").touch()
        outputs.discard()
        assert names(tmp_path) == ["new", "new/other"]

    def test_temporary_names_are_told_before_they_exist_and_are_short(self, tmp_path: Path) -> None:
        told: list[str] = []

        def announce(path: str) -> None:
            assert not os.path.lexists(path)
            told.append(path)

        make(Outputs(overwrite="replace", announce=announce), tmp_path / ("x" * 250), tmp_path / "b")
        assert sorted(map(os.path.basename, told)) == names(tmp_path)
        assert {os.path.dirname(path) for path in told} == {str(tmp_path)}
        assert max(len(os.path.basename(path)) for path in told) < 30

    @pytest.mark.parametrize("failing", [0, 1, 2])
    @pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), KeyboardInterrupt()])
    def test_where_one_rename_fails_none_stays(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int, error: BaseException
    ) -> None:
        outputs = Outputs(overwrite="replace")
        make(outputs, *(tmp_path / "new" / f"{number}.png" for number in range(3)))
        replace, calls = os.replace, iter(range(9))

        def fail_once(source: str, place: str) -> None:
            if next(calls) == failing:
                raise error
            replace(source, place)

        monkeypatch.setattr(os, "replace", fail_once)
        with pytest.raises((OutputUnwritable, KeyboardInterrupt)):
            outputs.publish()
        outputs.discard()
        assert names(tmp_path) == []

    def test_what_stood_in_the_place_before_is_not_removed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "0.png").write_bytes(b"old")
        outputs = Outputs(overwrite="replace")
        make(outputs, tmp_path / "0.png", tmp_path / "1.png")
        (tmp_path / "1.png").mkdir()
        with pytest.raises(OutputUnwritable, match=r"1\.png"):
            outputs.publish()
        outputs.discard()
        assert names(tmp_path) == ["0.png", "1.png"]

    def test_a_folder_that_cannot_be_opened_is_not_flushed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        outputs = Outputs(overwrite="replace")
        make(outputs, tmp_path / "a.png")

        def refuse(*_: object) -> int:
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(os, "open", refuse)
        outputs.publish()
        assert names(tmp_path) == ["a.png"]

    def test_bytes_reach_the_disk_before_the_name_and_the_name_before_the_result(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        calls: list[str] = []
        fsync, replace = os.fsync, os.replace
        monkeypatch.setattr(os, "fsync", lambda fd: (calls.append(os.readlink(f"/proc/self/fd/{fd}")), fsync(fd)))
        monkeypatch.setattr(os, "replace", lambda a, b: (calls.append(f"{a} -> {b}"), replace(a, b)))
        outputs = Outputs(overwrite="replace")
        target = Target(path=str(tmp_path / "o.bin"), format="bin")
        outputs.claim(Plan(targets=(target,)), set())
        outputs.write(target, b"data", {})
        temporary = outputs.moves[0].source
        outputs.publish()
        assert calls == [temporary, f"{temporary} -> {tmp_path}/o.bin", str(tmp_path)]

    @pytest.mark.parametrize("fsync", [True, False])
    def test_bytes_and_names_are_flushed_where_asked(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fsync: bool
    ) -> None:
        flushed: list[int] = []
        monkeypatch.setattr(os, "fsync", flushed.append)
        outputs = Outputs(overwrite="replace", fsync=fsync)
        make(outputs, tmp_path / "a.png", tmp_path / "b.png")
        outputs.publish()
        assert len(flushed) == (3 if fsync else 0)


class TestResume:
    """What a dead process left is finished by another, wherever it died."""

    @pytest.mark.parametrize("keep", [False, True])
    @pytest.mark.parametrize("done", [0, 1, 2, 3])
    def test_after_each_rename(self, tmp_path: Path, done: int, keep: bool) -> None:
        moves = [Move(str(tmp_path / f".{n}"), str(tmp_path / f"{n}"), keep) for n in range(3)]
        for move in moves:
            Path(move.source).write_bytes(b"new")
        publish(moves[:done], fsync=False)
        publish(moves, fsync=True, resume=True)
        assert names(tmp_path) == ["0", "1", "2"]

    def test_between_a_link_and_the_removal_of_its_source(self, tmp_path: Path) -> None:
        (tmp_path / ".a").write_bytes(b"new")
        os.link(tmp_path / ".a", tmp_path / "a")
        publish([Move(str(tmp_path / ".a"), str(tmp_path / "a"), True)], fsync=False, resume=True)
        assert names(tmp_path) == ["a"]

    def test_over_what_was_there_before(self, tmp_path: Path) -> None:
        (tmp_path / ".a").write_bytes(b"new")
        (tmp_path / "a").write_bytes(b"old")
        publish([Move(str(tmp_path / ".a"), str(tmp_path / "a"))], fsync=False, resume=True)
        assert names(tmp_path) == ["a"]
        assert (tmp_path / "a").read_bytes() == b"new"

    def test_not_over_another_file_where_none_may_be_replaced(self, tmp_path: Path) -> None:
        (tmp_path / ".a").write_bytes(b"new")
        (tmp_path / "a").write_bytes(b"other")
        with pytest.raises(FileExistsError):
            publish([Move(str(tmp_path / ".a"), str(tmp_path / "a"), True)], fsync=False, resume=True)
        assert (tmp_path / "a").read_bytes() == b"other"

    @pytest.mark.parametrize("resume", [False, True])
    def test_where_nothing_is_left_it_fails(self, tmp_path: Path, resume: bool) -> None:
        with pytest.raises(FileNotFoundError):
            publish([Move(str(tmp_path / ".a"), str(tmp_path / "a"))], fsync=False, resume=resume)


class TestOverwrite:
    """replace, error, skip; and an output that is an input."""

    def test_replace_is_atomic(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"old")
        outputs = Outputs(overwrite="replace")
        make(outputs, tmp_path / "a")
        assert (tmp_path / "a").read_bytes() == b"old"
        outputs.publish()
        assert (tmp_path / "a").read_bytes() == b"new"

    def test_error_refuses_at_the_claim(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"old")
        with pytest.raises(OutputExists, match="Output exists: ") as caught:
            make(Outputs(overwrite="error"), tmp_path / "a")
        assert caught.value.field == "output"
        assert (tmp_path / "a").read_bytes() == b"old"

    @pytest.mark.parametrize("links", [True, False])
    def test_error_refuses_what_appeared_meanwhile(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
    ) -> None:
        if not links:
            monkeypatch.setattr(os, "link", _no_links)
        outputs = Outputs(overwrite="error")
        make(outputs, tmp_path / "a", tmp_path / "b")
        (tmp_path / "b").write_bytes(b"other")
        with pytest.raises(OutputExists):
            outputs.publish()
        outputs.discard()
        assert names(tmp_path) == ["b"]
        assert (tmp_path / "b").read_bytes() == b"other"

    @pytest.mark.parametrize("links", [True, False])
    def test_error_makes_what_is_new(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:
        if not links:
            monkeypatch.setattr(os, "link", _no_links)
        outputs = Outputs(overwrite="error")
        make(outputs, tmp_path / "a")
        outputs.publish()
        assert names(tmp_path) == ["a"]

    def test_skip_makes_the_others(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"older")
        outputs = Outputs(overwrite="skip")
        make(outputs, tmp_path / "a", tmp_path / "b")
        outputs.publish()
        skipped, made = outputs.results()
        assert (skipped.skipped, skipped.size_bytes, made.size_bytes) == (True, 5, 3)
        assert made.skipped is not True
        assert (tmp_path / "a").read_bytes() == b"older"

    @pytest.mark.parametrize("overwrite", ["replace", "error", "skip"])
    def test_the_input_is_never_the_output_unless_asked(self, tmp_path: Path, overwrite: Any) -> None:
        (tmp_path / "a").write_bytes(b"old")
        os.link(tmp_path / "a", tmp_path / "same")
        (tmp_path / "link").symlink_to("a")
        for name in ("a", "same", "link"):
            plan = Plan(targets=(target(tmp_path / name),))
            with pytest.raises(OutputExists, match="Output is the input itself"):
                Outputs(overwrite=overwrite).claim(plan, identity(tmp_path / "a"))
            assert Outputs(overwrite=overwrite, in_place=True).claim(plan, identity(tmp_path / "a")) == plan.targets

    def test_the_file_behind_a_link_is_replaced_and_the_link_stays(self, tmp_path: Path) -> None:
        (tmp_path / "folder").mkdir()
        (tmp_path / "folder" / "a").write_bytes(b"old")
        (tmp_path / "link").symlink_to("folder/a")
        outputs = Outputs(overwrite="replace")
        make(outputs, tmp_path / "link")
        outputs.publish()
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "folder" / "a").read_bytes() == b"new"


class TestClaim:
    """What is refused before any work."""

    @pytest.mark.parametrize(
        ("path", "kind", "words"),
        [
            ("", OutputUnwritable, "Output is a folder"),
            ("folder", OutputUnwritable, "Output is a folder"),
            ("folder/", OutputUnwritable, "Output is a folder"),
            ("none/", OutputUnwritable, "Output is a folder"),
            ("file/a.png", OutputUnwritable, "Not a directory"),
            ("x" * 256, OutputUnwritable, "File name too long"),
            ("a\0b", PathDenied, "NUL"),
            ("../out.png", PathDenied, "outside the allowed roots"),
            ("link/out.png", PathDenied, "outside the allowed roots"),
        ],
    )
    def test_a_place_that_cannot_be(self, tmp_path: Path, path: str, kind: type[MediaError], words: str) -> None:
        root = tmp_path / "root"
        (root / "folder").mkdir(parents=True)
        (root / "file").touch()
        (root / "link").symlink_to(tmp_path)
        outputs = Outputs(overwrite="replace", roots=(str(root),))
        with pytest.raises(kind, match=words) as caught:
            outputs.claim(Plan(targets=(target(f"{root}/{path}"),)), set())
        assert caught.value.field == "output"
        outputs.discard()
        assert names(root) == ["file", "folder", "link"]

    @pytest.mark.parametrize("other", ["a", "./a", "b/../a", "link"])
    def test_two_outputs_of_one_path(self, tmp_path: Path, other: str) -> None:
        (tmp_path / "link").symlink_to("a")
        outputs = Outputs(overwrite="replace")
        with pytest.raises(InvalidJob, match="same path"):
            outputs.claim(Plan(targets=(target(tmp_path / "a"), target(f"{tmp_path}/{other}", width=1))), set())

    def test_folders_are_made_and_relative_paths_start_at_the_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        outputs = Outputs(overwrite="replace")
        make(outputs, "x/y/a.png", "b.png")
        outputs.publish()
        assert names(tmp_path) == ["b.png", "x", "x/y", "x/y/a.png"]
        assert [output.path for output in outputs.results()] == ["x/y/a.png", "b.png"]

    def test_a_folder_that_cannot_be_made(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        mkdir = os.mkdir

        def refuse_deep(path: str) -> None:
            if path.endswith("deep"):
                raise PermissionError(errno.EACCES, "Permission denied")
            mkdir(path)

        monkeypatch.setattr(os, "mkdir", refuse_deep)
        outputs = Outputs(overwrite="replace")
        with pytest.raises(OutputUnwritable, match="Permission denied"):
            make(outputs, tmp_path / "new" / "deep" / "a.png")
        outputs.discard()
        assert names(tmp_path) == []

    def test_a_link_to_a_folder_that_is_gone(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to("gone")
        outputs = Outputs(overwrite="replace")
        make(outputs, tmp_path / "link" / "a.png")
        outputs.publish()
        assert (tmp_path / "gone" / "a.png").read_bytes() == b"new"

    def test_a_name_that_is_no_text(self, tmp_path: Path) -> None:
        outputs = Outputs(overwrite="replace")
        make(outputs, os.path.join(tmp_path, os.fsdecode(b"caf\xe9.png")))
        outputs.publish()
        assert os.listdir(os.fsencode(tmp_path)) == [b"caf\xe9.png"]
        assert outputs.results()[0].path_b64


class TestWrite:
    """What can go wrong while bytes are written."""

    @pytest.mark.parametrize(
        ("number", "kind"),
        [
            (errno.ENOSPC, DiskFull),
            (errno.EDQUOT, DiskFull),
            (errno.EFBIG, DiskFull),
            (errno.EIO, OutputUnwritable),
            (errno.EROFS, OutputUnwritable),
        ],
    )
    @pytest.mark.parametrize("call", ["write", "fsync", "open"])
    def test_an_error_of_the_system_is_one_of_the_table(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[MediaError], call: str
    ) -> None:
        monkeypatch.setattr(os, call, _failing(number))
        outputs = Outputs(overwrite="replace")
        with pytest.raises(kind) as caught:
            whole(outputs, tmp_path / "new" / "a.png")
        monkeypatch.undo()
        assert os.strerror(number) in caught.value.message
        assert caught.value.field == "output"
        outputs.discard()
        assert names(tmp_path) == []

    @pytest.mark.parametrize("mode", [0o644, 0o400, 0o200, 0o000])
    def test_a_file_of_any_mode_is_flushed_once_before_it_is_renamed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
    ) -> None:
        (tmp_path / "a").write_bytes(b"old")
        (tmp_path / "a").chmod(mode)
        open_file, fsync = os.open, os.fsync
        flushed: list[str] = []

        def as_anybody(path: Any, flags: int, *rest: Any, **named: Any) -> int:
            needed = 0o200 if flags & os.O_WRONLY else 0o400
            if not flags & os.O_CREAT and os.path.isfile(path) and not os.stat(path).st_mode & needed:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
            return open_file(path, flags, *rest, **named)

        def noted(descriptor: int) -> None:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                flushed.append((tmp_path / "a").read_text())
            fsync(descriptor)

        monkeypatch.setattr(os, "open", as_anybody)
        monkeypatch.setattr(os, "fsync", noted)
        outputs = Outputs(overwrite="replace")
        make(outputs, tmp_path / "a", data=b"new")
        outputs.publish()
        assert flushed == ["old"]
        assert (tmp_path / "a").stat().st_mode & 0o777 == mode
        assert (tmp_path / "a").read_bytes() == b"new"

    def test_a_write_in_pieces_is_whole(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write = os.write
        monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:7]))
        outputs = Outputs(overwrite="replace")
        make(outputs, tmp_path / "a", data=bytes(range(100)))
        outputs.publish()
        assert (tmp_path / "a").read_bytes() == bytes(range(100))

    def test_an_empty_output_is_written(self, tmp_path: Path) -> None:
        outputs = Outputs(overwrite="replace")
        make(outputs, tmp_path / "a", data=b"")
        outputs.publish()
        assert (tmp_path / "a").read_bytes() == b""

    def test_inline_bytes_stand_in_the_result_beside_the_file_or_alone(self, tmp_path: Path) -> None:
        outputs = Outputs(overwrite="replace", inline=True)
        make(outputs, tmp_path / "a", "")
        outputs.publish()
        assert [output.data_base64 for output in outputs.results()] == [b"new", b"new"]
        assert [output.path for output in outputs.results()] == [str(tmp_path / "a"), ""]
        assert names(tmp_path) == ["a"]


def _failing(number: int) -> Callable[..., int]:
    def fail(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    return fail


def _no_links(*_: object) -> None:
    raise OSError(errno.EPERM, "Operation not permitted")


def test_what_several_outputs_replace_is_put_back_where_one_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    targets = tuple(Target(path=str(tmp_path / name), format="bin") for name in "abc")
    for name in "ac":
        (tmp_path / name).write_bytes(b"old")
    outputs = Outputs(overwrite="replace")
    for target in outputs.claim(Plan(targets=targets), set()):
        outputs.write(target, b"new", {})
    replace = os.replace

    def failing(source: str, target: str) -> None:
        if target.endswith("c") and ".mm-" in source and Path(source).read_bytes() == b"new":
            raise OSError(errno.EIO, "broken")
        replace(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(OutputUnwritable):
        outputs.publish()
    outputs.discard()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old", "c": b"old"}


def test_a_replaced_file_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "o").write_bytes(b"old")
    (tmp_path / "o").chmod(0o600)
    outputs = Outputs(overwrite="replace")
    target = Target(path=str(tmp_path / "o"), format="bin")
    outputs.claim(Plan(targets=(target,)), set())
    outputs.write(target, b"new", {})
    outputs.publish()
    assert (tmp_path / "o").stat().st_mode & 0o777 == 0o600


def test_looking_at_places_makes_no_folder(tmp_path: Path) -> None:
    outputs = Outputs(overwrite="error")
    target = Target(path=str(tmp_path / "deep" / "o"), format="bin")
    assert outputs.claim(Plan(targets=(target,)), set(), make=False) == (target,)
    assert list(tmp_path.iterdir()) == []
