"""Inputs that are read, outputs that appear whole or not at all, and nothing else that is touched."""

import base64
import contextlib
import ctypes
import errno
import hashlib
import os
import resource
import socket
import subprocess

import pytest
from harness import code, files_under

PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2


def content(seed, index, size):
    return hashlib.shake_128(f"{seed}:{index}".encode()).digest(size)


def write(path, data=b"the input"):
    path.write_bytes(data)
    return str(path)


def leftovers(folder):
    return [name for name in files_under(folder) if name.endswith(".tmp")]


@contextlib.contextmanager
def mounted(folder, *options):
    """Mount a small file system on a folder; yields False where that is not allowed."""
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", ",".join(("size=400k", *options)), "mediamill-test", str(folder)],
        capture_output=True,
        check=False,
    )
    try:
        yield done.returncode == 0
    finally:
        if done.returncode == 0:
            subprocess.run(["umount", "-l", str(folder)], check=True)


# What is written.


def test_outputs_are_whole_and_their_folders_made(host, tmp_path):
    engine = host("--workers", 1)
    out = tmp_path / "a" / "b" / "c"
    result = engine.ask({"operation": "writer", "output_dir": str(out), "outputs": 3, "size": 70_000, "id": 1})
    assert files_under(tmp_path) == {f"a/b/c/w0-{n}.bin": content(0, n, 70_000) for n in range(3)}
    assert [o["path"] for o in result["outputs"]] == [str(out / f"w0-{n}.bin") for n in range(3)]
    assert [o["size_bytes"] for o in result["outputs"]] == [70_000] * 3


def test_relative_paths_start_at_the_engines_folder(host, tmp_path):
    engine = host("--workers", 1)
    result = engine.ask({"operation": "writer", "output": "sub/../x.bin", "size": 5, "id": 1})
    assert code(result) == "ok"
    assert (tmp_path / "x.bin").read_bytes() == content(0, 0, 5)


def test_an_empty_file_is_a_file(host, tmp_path):
    engine = host("--workers", 1)
    empty = write(tmp_path / "empty", b"")
    result = engine.ask({"operation": "writer", "input": empty, "output": str(tmp_path / "o.bin"), "size": 0, "id": 1})
    assert result["metadata"]["read"]["bytes"] == 0
    assert (tmp_path / "o.bin").read_bytes() == b""


def test_nothing_appears_before_all_is_there(host, tmp_path):
    engine = host("--workers", 1)
    out = tmp_path / "out"
    job = {"operation": "writer", "output_dir": str(out), "outputs": 6, "between_ms": 100, "progress": True, "id": 1}
    engine.send(job)
    engine.event("output", 1, nth=4)
    assert len(leftovers(out)) == len(os.listdir(out)) >= 5
    engine.result(1)
    assert len(files_under(out)) == 6
    assert leftovers(out) == []


@pytest.mark.parametrize("after", [0, 1, 4, 5])
def test_a_failed_job_leaves_none_of_its_files(host, tmp_path, after):
    engine = host("--workers", 1)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "w0-0.bin").write_bytes(b"old")
    jobs = [
        {"operation": "writer", "output_dir": str(tmp_path / name), "outputs": 5, "fail_after": after, "id": name}
        for name in ("old", "new/er")
    ]
    assert [code(engine.ask(job)) for job in jobs] == ["encode_failed"] * 2
    assert files_under(tmp_path) == {"old/w0-0.bin": b"old"}
    assert os.listdir(tmp_path) == ["old"]


def test_a_failed_job_does_not_take_away_a_folder_another_job_counts_on(host, tmp_path):
    engine = host("--workers", 2)
    engine.send(*({"operation": "hang", "seconds": 0.3, "n": n, "id": f"warm {n}"} for n in range(2)))
    engine.take(2)
    out = str(tmp_path / "dist")
    engine.send(
        {"operation": "writer", "output_dir": out, "before_ms": 500, "fail_after": 0, "progress": True, "id": 1}
    )
    engine.until(lambda: os.path.isdir(out))
    engine.send({"operation": "writer", "output_dir": out, "before_ms": 1500, "seed": 2, "id": 2})
    assert code(engine.result(1)) == "encode_failed"
    assert code(engine.result(2)) == "ok"
    assert list(files_under(out)) == ["w2-0.bin"]


@pytest.mark.parametrize(
    ("overwrite", "expected", "after"),
    [(None, "ok", "new"), ("replace", "ok", "new"), ("error", "output_exists", "old"), ("skip", "ok", "old")],
)
def test_what_happens_to_an_output_that_exists(host, tmp_path, overwrite, expected, after):
    engine = host("--workers", 1)
    out = tmp_path / "o.bin"
    out.write_bytes(b"old")
    job = {"operation": "writer", "output": str(out), "size": 50, "id": 1}
    result = engine.ask(job | ({"overwrite": overwrite} if overwrite else {}))
    assert code(result) == expected
    assert out.read_bytes() == (b"old" if after == "old" else content(0, 0, 50))
    assert os.listdir(tmp_path) == ["o.bin"]
    if overwrite == "skip":
        assert result["outputs"][0]["skipped"] is True
        assert result["outputs"][0]["size_bytes"] == 3
        assert result["metadata"]["written"] == 0
    if overwrite == "error":
        assert code(engine.ask(job | {"overwrite": "error", "output": str(tmp_path / "p.bin"), "id": 2})) == "ok"


def test_skip_makes_what_is_missing(host, tmp_path):
    engine = host("--workers", 1)
    (tmp_path / "w0-1.bin").write_bytes(b"old")
    job = {"operation": "writer", "output_dir": str(tmp_path), "outputs": 3, "size": 9, "overwrite": "skip", "id": 1}
    result = engine.ask(job)
    assert [o.get("skipped", False) for o in result["outputs"]] == [False, True, False]
    assert files_under(tmp_path) == {
        "w0-0.bin": content(0, 0, 9),
        "w0-1.bin": b"old",
        "w0-2.bin": content(0, 2, 9),
    }


def test_an_output_that_appears_meanwhile_is_not_replaced_under_error(host, tmp_path):
    engine = host("--workers", 1)
    out = tmp_path / "o.bin"
    engine.send({"operation": "writer", "output": str(out), "overwrite": "error", "between_ms": 800, "id": 1})
    engine.until(lambda: leftovers(tmp_path))
    out.write_bytes(b"theirs")
    assert code(engine.result(1)) == "output_exists"
    assert files_under(tmp_path) == {"o.bin": b"theirs"}


def test_a_dry_run_writes_nothing(host, tmp_path):
    engine = host("--workers", 1)
    before = write(tmp_path / "in")
    job = {"operation": "writer", "input": before, "output_dir": str(tmp_path / "new"), "outputs": 2, "dry_run": True}
    result = engine.ask(job | {"id": 1})
    assert code(result) == "ok"
    assert [o["path"] for o in result["outputs"]] == [str(tmp_path / "new" / f"w0-{n}.bin") for n in range(2)]
    assert set(result["metadata"]["cost"]) >= {"pixels", "memory_bytes"}
    assert os.listdir(tmp_path) == ["in"]


# An output that is the input.


@pytest.mark.parametrize("how", ["path", "other spelling", "hard link", "symlink", "symlinked folder", "path_b64"])
def test_an_output_that_is_the_input_is_refused(host, tmp_path, how):
    engine = host("--workers", 1)
    source = tmp_path / "in.bin"
    write(source)
    taken, out = str(source), str(source)
    if how == "other spelling":
        out = str(tmp_path / "." / "x" / ".." / "in.bin").replace("x/..", "./")
    elif how == "hard link":
        out = str(tmp_path / "link")
        os.link(source, out)
    elif how == "symlink":
        out = str(tmp_path / "link")
        os.symlink(source, out)
    elif how == "symlinked folder":
        os.symlink(tmp_path, tmp_path / "folder")
        out = str(tmp_path / "folder" / "in.bin")
    elif how == "path_b64":
        taken = {"path_b64": base64.b64encode(os.fsencode(source)).decode()}
    for overwrite in ("replace", "error", "skip"):
        result = engine.ask(
            {"operation": "writer", "input": taken, "output": out, "overwrite": overwrite, "id": overwrite}
        )
        assert code(result) == "output_exists"
    assert source.read_bytes() == b"the input"
    assert not leftovers(tmp_path)


def test_in_place_replaces_the_input_whole(host, tmp_path):
    engine = host("--workers", 1)
    source = write(tmp_path / "in.bin")
    job = {"operation": "writer", "input": source, "output": source, "in_place": True, "size": 99, "id": 1}
    assert code(engine.ask(job)) == "ok"
    assert files_under(tmp_path) == {"in.bin": content(0, 0, 99)}
    assert code(engine.ask(job | {"fail_after": 1, "seed": 5, "id": 2})) == "encode_failed"
    assert files_under(tmp_path) == {"in.bin": content(0, 0, 99)}


def test_two_outputs_of_one_job_with_one_path_are_refused(host, tmp_path):
    engine = host("--workers", 1)
    os.symlink(tmp_path / "w0-0.bin", tmp_path / "w0-1.bin")
    result = engine.ask({"operation": "writer", "output_dir": str(tmp_path), "outputs": 2, "id": 1})
    assert code(result) == "invalid_job"
    assert files_under(tmp_path) == {}


# Names.

ODD_NAMES = [
    "a.jpg[shrink=4]",
    "12:30.png",
    "http:x.mp4",
    "file:x",
    "%d-%03d.png",
    "a\nb",
    "a\tb",
    "-rf",
    "--help",
    "~",
    "$HOME",
    "*.png",
    " leading and trailing ",
    "é\u0301\u202e\U0001f600",
    "'\"\\",
    "a\u2028b",
    ".hidden",
    "...",
    "CON.png",
    "x" * 255,
]


@pytest.mark.parametrize("name", ODD_NAMES, ids=range(len(ODD_NAMES)))
def test_odd_names_are_only_names(host, tmp_path, name):
    engine = host("--workers", 1)
    (tmp_path / "in").mkdir()
    source = write(tmp_path / "in" / name, name.encode())
    relative = os.path.join("in", name)
    out = tmp_path / "out" / name
    result = engine.ask({"operation": "writer", "input": source, "output": str(out), "size": 7, "id": 1})
    assert code(result) == "ok"
    assert result["metadata"]["read"]["sha256"] == hashlib.sha256(name.encode()).hexdigest()
    assert result["outputs"][0]["path"] == str(out)
    assert files_under(tmp_path / "out") == {name: content(0, 0, 7)}
    assert code(engine.ask({"operation": "writer", "input": relative, "outputs": 0, "id": 2})) == "ok"
    assert files_under(tmp_path / "in") == {name: name.encode()}


@pytest.mark.parametrize("name", ["a.png[shrink=4]", "12:30.png", "a.png"])
def test_pictures_with_odd_names_are_read_whole(host, tmp_path, name):
    """A library that opens by name would read options out of it, and give a smaller picture."""
    from PIL import Image

    Image.new("RGB", (64, 48), "red").save(tmp_path / name, "PNG")
    engine = host("--workers", 1)
    result = engine.ask({"operation": "probe", "input": str(tmp_path / name), "id": 1})
    assert code(result) == "ok"
    assert (result["metadata"]["width"], result["metadata"]["height"]) == (64, 48)
    out = tmp_path / "out" / f"{name}.png"
    result = engine.ask(
        {"operation": "resize", "input": str(tmp_path / name), "output": str(out), "width": 32, "id": 2}
    )
    assert code(result) == "ok", result
    with Image.open(out) as made:
        assert made.size == (32, 24)


def test_a_name_that_is_too_long(host, tmp_path):
    engine = host("--workers", 1)
    fits, long = tmp_path / ("é" * 127 + "x"), tmp_path / ("x" * 256)
    assert code(engine.ask({"operation": "writer", "output": str(fits), "id": 1})) == "ok"
    for nth, path in enumerate((long, tmp_path / ("é" * 128), tmp_path / ("d" * 256) / "x", "p/" * 2100 + "x")):
        result = engine.ask({"operation": "writer", "output": str(path), "seed": nth, "id": f"long {nth}"})
        assert code(result) == "output_unwritable"
    assert code(engine.ask({"operation": "writer", "input": str(long), "outputs": 0, "id": 3})) == "input_not_found"
    assert os.listdir(tmp_path) == [fits.name]


def test_a_name_that_is_not_utf_8(host, tmp_path):
    engine = host("--workers", 1)
    raw = os.fsencode(tmp_path) + b"/caf\xe9-\xff.bin"
    with open(raw, "wb") as file:
        file.write(b"bytes")
    encoded = base64.b64encode(raw).decode()
    result = engine.ask({"operation": "writer", "input": {"path_b64": encoded}, "outputs": 0, "id": 1})
    assert code(result) == "ok"
    assert result["metadata"]["read"]["bytes"] == 5
    missing = base64.b64encode(raw + b"x").decode()
    result = engine.ask({"operation": "writer", "input": {"path_b64": missing}, "outputs": 0, "id": 2})
    assert code(result) == "input_not_found"
    assert "\ufffd" in result["error"]


def test_a_folder_that_is_not_utf_8(host, tmp_path):
    """A job cannot name it, but the engine may stand in it."""
    raw = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(raw)
    engine = host("--workers", 1, cwd=raw)
    result = engine.ask({"operation": "writer", "output": "x.bin", "size": 4, "id": 1})
    assert code(result) == "ok"
    with open(raw + b"/x.bin", "rb") as file:
        assert file.read() == content(0, 0, 4)


def test_a_path_with_a_nul_is_denied(host, tmp_path):
    engine = host("--workers", 1)
    source = write(tmp_path / "in.png")
    nul = base64.b64encode(os.fsencode(source) + b"\0.gif").decode()
    jobs = [
        {"operation": "writer", "input": source + "\0.gif", "outputs": 0},
        {"operation": "writer", "input": {"path": source + "\0"}, "outputs": 0},
        {"operation": "writer", "input": {"path_b64": nul}, "outputs": 0},
        {"operation": "writer", "output": str(tmp_path / "o\0.bin")},
        {"operation": "writer", "output_dir": str(tmp_path / "d\0")},
    ]
    assert [code(engine.ask(job | {"id": n})) for n, job in enumerate(jobs)] == ["path_denied"] * 5
    assert os.listdir(tmp_path) == ["in.png"]


def test_urls_are_not_fetched_unless_allowed(host):
    engine = host("--workers", 1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/a.png"
        assert code(engine.ask({"operation": "writer", "input": {"url": url}, "outputs": 0, "id": 1})) == "path_denied"
        assert code(engine.ask({"operation": "writer", "input": url, "outputs": 0, "id": 2})) == "input_not_found"
        with pytest.raises(TimeoutError):
            server.accept()


# Inputs that are no files.


def test_what_is_no_file_is_refused_without_waiting_for_it(host, tmp_path):
    engine = host("--workers", 1, "--timeout-ms", 8000)
    os.mkfifo(tmp_path / "fifo")
    os.symlink("fifo", tmp_path / "to fifo")
    os.symlink("loop", tmp_path / "loop")
    (tmp_path / "file").write_bytes(b"x")
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(tmp_path) if len(str(tmp_path)) > 90 else None
        listener.bind(str(tmp_path / "socket") if len(str(tmp_path)) <= 90 else "socket")
        cases = {
            "fifo": "input_unreadable",
            "to fifo": "input_unreadable",
            "socket": "input_unreadable",
            "loop": "input_unreadable",
            ".": "input_unreadable",
            "/dev/zero": "input_unreadable",
            "/dev/full": "input_unreadable",
            "/dev/stdin": "input_unreadable",
            "/": "input_unreadable",
            "none": "input_not_found",
            "file/below": "input_not_found",
            "/proc/self/mem": "input_unreadable",
        }
        for n, (path, expected) in enumerate(cases.items()):
            result = engine.ask({"operation": "writer", "input": path, "outputs": 0, "id": n})
            assert code(result) == expected, (path, result)
            assert result["elapsed_ms"] < 5000
            assert result["error_info"]["field"] == "input"


def no_privileges():
    """Take root's freedom from mode bits away, for what is executed next."""
    if os.geteuid() == 0:
        for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
            assert ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0


def test_a_file_that_may_not_be_read(host, tmp_path):
    engine = host("--workers", 1, preexec_fn=no_privileges)
    source = tmp_path / "in"
    write(source)
    source.chmod(0)
    assert code(engine.ask({"operation": "writer", "input": str(source), "outputs": 0, "id": 1})) == "input_unreadable"


def test_an_input_above_the_limit(host, tmp_path):
    engine = host("--workers", 1, "--max-input-bytes", 1000)
    cases = [(1000, "ok"), (1001, "limit_exceeded")]
    for size, expected in cases:
        source = write(tmp_path / str(size), b"x" * size)
        assert code(engine.ask({"operation": "writer", "input": source, "outputs": 0, "id": size})) == expected
    inline = {"data_base64": base64.b64encode(b"x" * 1001).decode()}
    result = engine.ask({"operation": "writer", "input": inline, "outputs": 0, "id": "inline"})
    assert code(result) == "limit_exceeded"
    os.truncate(write(tmp_path / "sparse"), 1 << 40)
    result = engine.ask({"operation": "writer", "input": "sparse", "outputs": 0, "id": "sparse"})
    assert code(result) == "limit_exceeded"


# Outputs that cannot be.


def test_outputs_that_are_no_files_are_refused_and_stay(host, tmp_path):
    engine = host("--workers", 1)
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    os.symlink("loop", tmp_path / "loop")
    os.symlink("/dev/null", tmp_path / "to device")
    for n, name in enumerate(("fifo", "folder", "folder/", "loop", "to device", ".", "..")):
        result = engine.ask({"operation": "writer", "output": f"{tmp_path}/{name}", "seed": n, "id": n})
        assert code(result) == "output_unwritable", name
    assert sorted(os.listdir(tmp_path)) == ["fifo", "folder", "loop", "to device"]
    assert not os.path.isfile("/dev/null")
    assert os.path.islink(tmp_path / "loop")


def test_a_link_as_output_is_followed(host, tmp_path):
    engine = host("--workers", 1)
    (tmp_path / "real").mkdir()
    os.symlink("real/file.bin", tmp_path / "link.bin")
    assert code(engine.ask({"operation": "writer", "output": str(tmp_path / "link.bin"), "size": 8, "id": 1})) == "ok"
    assert os.path.islink(tmp_path / "link.bin")
    assert (tmp_path / "real" / "file.bin").read_bytes() == content(0, 0, 8)


def test_a_folder_that_cannot_be_written(host, tmp_path):
    """Below a file, where the kernel has no files, and, where the machine lets it be made, on a read-only disk."""
    engine = host("--workers", 1, preexec_fn=no_privileges)
    below = write(tmp_path / "file")
    folders = [f"{below}", f"{below}/deeper", "/proc", "/proc/self/fd", "/sys/kernel"]
    with mounted(tmp_path / "disk", "ro") as is_mounted:
        if is_mounted:
            folders += [str(tmp_path / "disk"), str(tmp_path / "disk" / "deeper")]
        (tmp_path / "locked").mkdir(0o555)
        folders.append(str(tmp_path / "locked"))
        for n, folder in enumerate(folders):
            result = engine.ask({"operation": "writer", "output": f"{folder}/x.bin", "seed": n, "id": n})
            assert code(result) == "output_unwritable", (folder, result)
            assert result["error_info"]["field"] == "output"
        assert code(engine.ask({"operation": "writer", "output": str(tmp_path / "ok.bin"), "id": "ok"})) == "ok"
    assert set(files_under(tmp_path)) == {"file", "ok.bin"}


def check_full(engine, out, size, fits):
    """Have jobs of all kinds run out of room; none leaves anything, and what fits is written."""
    jobs = [
        {"operation": "writer", "output": os.path.join(out, "one.bin"), "size": size},
        {"operation": "writer", "output_dir": os.path.join(out, "many"), "outputs": 3, "size": size},
        {"operation": "writer", "output_dir": os.path.join(out, "last"), "outputs": 2, "size": size, "seed": 1},
    ]
    for n, job in enumerate(jobs):
        result = engine.ask(job | {"id": n, "retries": 0})
        assert code(result) == "disk_full", result
        assert result["error_info"]["retryable"] is True
        assert files_under(out) == {}
    assert os.listdir(out) == []
    good = engine.ask({"operation": "writer", "output": os.path.join(out, "good.bin"), "size": fits, "id": "good"})
    assert code(good) == "ok"
    assert files_under(out) == {"good.bin": content(0, 0, fits)}


def bounded():
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))


def test_a_limit_on_the_size_of_files(host, tmp_path):
    engine = host("--workers", 1, preexec_fn=bounded)
    (tmp_path / "out").mkdir()
    check_full(engine, str(tmp_path / "out"), 300_000, 150_000)


def test_a_full_disk(host, tmp_path):
    """A small disk where one may be mounted; elsewhere the limit on the size of files stands in for it."""
    with mounted(tmp_path / "disk") as is_mounted:
        engine = host("--workers", 1, preexec_fn=None if is_mounted else bounded)
        check_full(engine, str(tmp_path / "disk"), 600_000, 300_000)
        # The second of two outputs does not fit; the first goes too.
        result = engine.ask(
            {
                "operation": "writer",
                "output_dir": str(tmp_path / "disk"),
                "outputs": 2,
                "size": 70_000 if is_mounted else 210_000,
                "seed": 3,
                "id": 5,
            }
        )
        assert code(result) == "disk_full"
        assert list(files_under(tmp_path / "disk")) == ["good.bin"]


# Roots.


def test_roots(host, tmp_path):
    allowed, outside = tmp_path / "allowed", tmp_path / "allowed-not"
    for folder in (allowed, outside):
        folder.mkdir()
        write(folder / "in.bin")
    os.symlink(outside / "in.bin", allowed / "link.bin")
    os.symlink(outside, allowed / "folder")
    os.symlink(allowed / "in.bin", outside / "back.bin")
    os.symlink(outside / "new.bin", allowed / "dangling.bin")
    engine = host("--workers", 1, "--roots", str(allowed))
    inputs = {
        f"{allowed}/in.bin": "ok",
        f"{outside}/back.bin": "ok",
        f"{allowed}/../allowed/in.bin": "ok",
        f"{allowed}/none.bin": "input_not_found",
        f"{outside}/in.bin": "path_denied",
        f"{outside}/none.bin": "path_denied",
        f"{allowed}/link.bin": "path_denied",
        f"{allowed}/folder/in.bin": "path_denied",
        f"{allowed}/../allowed-not/in.bin": "path_denied",
        "in.bin": "path_denied",
        "/etc/passwd": "path_denied",
        f"/proc/self/root{outside}/in.bin": "path_denied",
        f"/proc/self/cwd/{outside.name}/in.bin": "path_denied",
    }
    for n, (path, expected) in enumerate(inputs.items()):
        result = engine.ask({"operation": "writer", "input": path, "outputs": 0, "seed": n, "id": n})
        assert code(result) == expected, path
    outputs = {
        f"{allowed}/new/o.bin": "ok",
        f"{allowed}/../allowed/p.bin": "ok",
        f"{outside}/o.bin": "path_denied",
        f"{outside}/new/o.bin": "path_denied",
        f"{allowed}/folder/o.bin": "path_denied",
        f"{allowed}/folder/new/o.bin": "path_denied",
        f"{allowed}/dangling.bin": "path_denied",
        f"{allowed}/../o.bin": "path_denied",
        "o.bin": "path_denied",
    }
    for n, (path, expected) in enumerate(outputs.items()):
        result = engine.ask({"operation": "writer", "output": path, "seed": n, "id": f"o{n}"})
        assert code(result) == expected, path
    assert sorted(os.listdir(outside)) == ["back.bin", "in.bin"]
    assert sorted(os.listdir(allowed)) == ["dangling.bin", "folder", "in.bin", "link.bin", "new", "p.bin"]
    assert sorted(os.listdir(tmp_path)) == ["allowed", "allowed-not"]
    inline = {"data_base64": "aGVsbG8="}
    assert code(engine.ask({"operation": "writer", "input": inline, "outputs": 0, "id": "inline"})) == "ok"


def test_a_link_swapped_while_it_is_read_never_leads_outside(host, tmp_path):
    """500 jobs against a link that changes all the time: what is read is what was allowed, or nothing."""
    import threading

    allowed = tmp_path / "allowed"
    allowed.mkdir()
    write(allowed / "good", b"good")
    secret = write(tmp_path / "secret", b"a secret that is longer")
    link, spare = allowed / "link", allowed / "spare"
    os.symlink("good", link)
    ends = threading.Event()

    def swap():
        while not ends.is_set():
            for target in (secret, "good"):
                os.symlink(target, spare)
                os.rename(spare, link)

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        engine = host("--workers", 2, "--roots", str(allowed))
        job = {"operation": "writer", "input": str(link), "outputs": 0, "retries": 0}
        engine.send(*(job | {"seed": n, "id": n} for n in range(500)))
        results = engine.take(500)
    finally:
        ends.set()
        swapper.join()
    assert {code(r) for r in results} <= {"ok", "path_denied", "input_unreadable", "input_not_found"}
    assert {r["metadata"]["read"]["bytes"] for r in results if r["success"]} <= {4}


def test_errno_has_a_word(host, tmp_path):
    engine = host("--workers", 1)
    result = engine.ask({"operation": "writer", "output": "/proc/nothing/x.bin", "id": 1})
    assert os.strerror(errno.ENOENT) in result["error"]
