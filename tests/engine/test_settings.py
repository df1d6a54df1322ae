import os
from pathlib import Path
from typing import Any

import pytest

from mediamill.engine import platform
from mediamill.engine.settings import Settings, load
from mediamill.operations.contract import Limits
from mediamill.protocol.errors import InvalidJob


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, where no mediamill.toml is."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_anything_all_is_default() -> None:
    settings, origins = load({}, {})
    assert settings == Settings()
    assert set(origins) == set(Settings.__struct_fields__)
    assert set(origins.values()) == {"default"}


def test_a_flag_wins_over_the_environment_over_the_file_over_the_default(folder: Path) -> None:
    (folder / "mediamill.toml").write_text("[engine]\nworkers = 1\ngrace = 1\nmax_side = 1\n")
    environ = {"MEDIAMILL_WORKERS": "2", "MEDIAMILL_GRACE": "2.5", "HOME": "/", "MEDIAMILLX": "1"}
    settings, origins = load({"workers": 3, "memory": None}, environ)
    assert (settings.workers, settings.grace, settings.max_side, settings.max_frames) == (3, 2.5, 1, 1000)
    assert [origins[name] for name in ("workers", "grace", "max_side", "max_frames", "memory")] == [
        "flag", "environment", "mediamill.toml", "default", "default",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("536870912", 512 << 20), ("512M", 512 << 20), ("512m", 512 << 20), ("512MB", 512 << 20),
        ("512MiB", 512 << 20), ("512 M", 512 << 20), (" 1G ", 1 << 30), ("1.5G", 3 << 29), ("2T", 2 << 40),
        ("1048576K", 1 << 30),
    ],
)  # fmt: skip
@pytest.mark.parametrize("way", ["flag", "environment", "file"])
def test_sizes_take_a_suffix(folder: Path, text: str, size: int, way: str) -> None:
    if way == "file":
        (folder / "mediamill.toml").write_text(f'[engine]\nworker_memory = "{text}"\n')
    flags = {"worker_memory": text} if way == "flag" else {}
    environ = {"MEDIAMILL_WORKER_MEMORY": text} if way == "environment" else {}
    assert load(flags, environ)[0].worker_memory == size


@pytest.mark.parametrize(("text", "value"), [("true", True), ("false", False), ("1", True), ("0", False)])
def test_a_switch_in_the_environment_is_a_word_or_a_digit(text: str, value: bool) -> None:
    assert load({}, {"MEDIAMILL_FSYNC": text})[0].fsync is value


def test_paths_in_the_environment_are_split_like_any_search_path() -> None:
    settings, _ = load({}, {"MEDIAMILL_ROOTS": f"/a{os.pathsep}{os.pathsep}/b", "MEDIAMILL_OPERATIONS_PATH": ""})
    assert (settings.roots, settings.operations_path) == (("/a", "/b"), ())


@pytest.mark.parametrize("name", ["roots", "operations_path", "cache_dir"])
def test_a_file_in_the_folder_does_not_decide_what_code_runs_or_where_files_go(folder: Path, name: str) -> None:
    (folder / "mediamill.toml").write_text(f'[engine]\n{name} = ["/a"]\n')
    with pytest.raises(InvalidJob, match="can only come from a flag or the environment"):
        load({}, {})


def test_paths_are_lists_from_flags() -> None:
    assert load({"roots": ["/c"]}, {})[0].roots == ("/c",)


@pytest.mark.parametrize(
    ("variable", "suggestion"),
    [("MEDIAMILL_WORKRES", "MEDIAMILL_WORKERS"), ("MEDIAMILL_MAX_SDIE", "MEDIAMILL_MAX_SIDE"), ("MEDIAMILL_QQQ", None)],
)
def test_an_unknown_variable_is_refused_with_the_nearest(variable: str, suggestion: str | None) -> None:
    with pytest.raises(InvalidJob) as caught:
        load({}, {variable: "1"})
    assert caught.value.field == variable
    assert caught.value.message == f"Unknown setting {variable}." + (
        f" Did you mean {suggestion}?" if suggestion else ""
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("workers", "abc"), ("workers", "-1"), ("workers", "257"), ("workers", ""), ("workers", "1.5"),
        ("worker_memory", "1M"), ("worker_memory", "12Q"), ("grace", "-0.1"), ("grace", "3601"), ("grace", "nan"),
        ("max_line_bytes", "1023"), ("recycle_jobs", "0"), ("recycle_memory", "1"), ("fsync", "maybe"),
        ("max_pixels", "0"), ("max_side", "0"), ("timeout_ms", "-1"), ("memory", "-1"),
    ],
)  # fmt: skip
def test_a_value_out_of_its_bounds_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(InvalidJob) as caught:
        load({}, {f"MEDIAMILL_{name.upper()}": value})
    assert caught.value.field == name
    assert caught.value.expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("workers", 0), ("workers", 256), ("worker_memory", 256 << 20), ("grace", 0), ("grace", 3600),
        ("max_line_bytes", 1024), ("recycle_jobs", 1), ("recycle_memory", 1 << 20), ("timeout_ms", 0), ("memory", 0),
    ],
)  # fmt: skip
def test_a_value_on_its_bound_is_taken(name: str, value: Any) -> None:
    assert getattr(load({name: value}, {})[0], name) == value


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[engine", "mediamill.toml cannot be read"),
        (b"engine = 5", "[engine] must be a table"),
        (b"[engine]\nworkers = 1\nworkers = 2", "mediamill.toml cannot be read"),
        (b'[engine]\nroots = ["\xff"]', "mediamill.toml cannot be read"),
        (b"[engine]\nworker = 1", "Unknown field 'worker'. Did you mean 'workers'?"),
        (b"[engine]\nworkers = [1]", "Invalid value for 'workers'"),
        (b"[engine]\nmax_side = [1]", "Invalid value for 'max_side'"),
    ],
)
def test_a_wrong_file_is_told(folder: Path, content: bytes, words: str) -> None:
    (folder / "mediamill.toml").write_bytes(content)
    with pytest.raises(InvalidJob) as caught:
        load({}, {})
    assert words in caught.value.message


@pytest.mark.parametrize("content", ["", "[build]\nsource = 'a'\n", "[engine]\n"])
def test_a_file_without_settings_changes_nothing(folder: Path, content: str) -> None:
    (folder / "mediamill.toml").write_text(content)
    assert load({}, {})[0] == Settings()


def test_a_folder_of_the_files_name_is_no_file(folder: Path) -> None:
    (folder / "mediamill.toml").mkdir()
    assert load({}, {})[0] == Settings()


def test_what_is_zero_comes_from_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "cores", lambda: 6)
    monkeypatch.setattr(platform, "memory_bytes", lambda: 4000)
    assert (Settings().worker_count, Settings().window, Settings().memory_budget) == (6, 24, 3000)
    told = Settings(workers=2, memory=10)
    assert (told.worker_count, told.window, told.memory_budget) == (2, 8, 10)


def test_the_limits_of_operations_are_settings_with_the_same_defaults() -> None:
    assert Settings().limits == Limits()
    assert Settings(max_side=7).limits == Limits(max_side=7)
