import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediamill.engine.paths import input_paths, legal, source_path, under_roots
from mediamill.protocol.errors import PathDenied
from mediamill.protocol.job import InputSource, Source


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("a.png", "a.png"),
        (InputSource(path="a.png"), "a.png"),
        (InputSource(path_b64=b"caf\xe9.png"), os.fsdecode(b"caf\xe9.png")),
        (InputSource(data_base64=b""), None),
        (InputSource(data_base64=b"abc"), None),
    ],
)
def test_a_source_names_a_path_or_holds_its_bytes(source: Source, path: str | None) -> None:
    assert source_path(source, "input") == path


@pytest.mark.parametrize(
    ("source", "field", "words"),
    [
        ("a\0b", "input", "NUL"),
        ("\ud800", "input", "not valid text"),
        (InputSource(path="a\0b"), "input.path", "NUL"),
        (InputSource(path_b64=b"a\0b"), "input.path_b64", "NUL"),
        (InputSource(url="https://x.example/a.png"), "input.url", "URLs is not allowed"),
        (InputSource(url="file:///etc/passwd"), "input.url", "URLs is not allowed"),
    ],
)
def test_what_cannot_be_opened_is_denied(source: Source, field: str, words: str) -> None:
    with pytest.raises(PathDenied, match=words) as caught:
        source_path(source, "input")
    assert caught.value.field == field


@given(st.binary(min_size=1, max_size=30))
@settings(deadline=None)
def test_any_bytes_but_nul_are_a_legal_name(raw: bytes) -> None:
    path = os.fsdecode(raw)
    if b"\0" in raw:
        with pytest.raises(PathDenied):
            legal(path, "input")
    else:
        assert os.fsencode(legal(path, "input")) == raw


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Make a root with a file, a sibling whose name starts alike, and links out of and into the root."""
    root = tmp_path / "root"
    (root / "in").mkdir(parents=True)
    (root / "in" / "a.png").touch()
    (tmp_path / "root2").mkdir()
    (tmp_path / "root2" / "b.png").touch()
    (root / "out").symlink_to(tmp_path / "root2")
    (root / "out.png").symlink_to(tmp_path / "root2" / "b.png")
    (tmp_path / "link").symlink_to(root / "in")
    return tmp_path


@pytest.mark.parametrize("path", ["root/in/a.png", "root/in/../in/a.png", "root", "link/a.png", "root/new/x.png"])
def test_what_is_under_a_root_is_allowed(tree: Path, path: str) -> None:
    real = under_roots(str(tree / path), [str(tree / "root")], "input")
    assert real == os.path.realpath(tree / path)


@pytest.mark.parametrize(
    "path", ["root2/b.png", "root/../root2/b.png", "root/out/b.png", "root/out.png", "", "root/out/new.png", "rootx"]
)
def test_what_only_looks_so_is_denied(tree: Path, path: str) -> None:
    with pytest.raises(PathDenied, match="outside the allowed roots") as caught:
        under_roots(str(tree / path), [str(tree / "root")], "output")
    assert caught.value.field == "output"
    assert caught.value.expected == f"a path under {tree / 'root'}"


def test_one_of_several_roots_is_enough_and_a_root_may_be_a_link(tree: Path) -> None:
    path = str(tree / "root" / "in" / "a.png")
    assert under_roots(path, [str(tree / "root2"), str(tree / "link")], "input") == path


def test_a_relative_path_starts_at_the_folder(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree / "root")
    assert under_roots("in/a.png", ["."], "input") == str(tree / "root" / "in" / "a.png")
    with pytest.raises(PathDenied):
        under_roots("../root2/b.png", ["."], "input")


def test_without_roots_and_with_the_root_folder_all_is_allowed(tree: Path) -> None:
    for roots in ([], ["/"]):
        assert under_roots(str(tree / "root2" / "b.png"), roots, "input") == str(tree / "root2" / "b.png")


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        ({}, []),
        ({"input": "a"}, ["a"]),
        ({"inputs": ["a", InputSource(path="b")]}, ["a", "b"]),
        ({"input": "a", "inputs": None}, ["a"]),
        ({"input": InputSource(data_base64=b"x")}, []),
        ({"input": InputSource(url="http://x.example")}, []),
        ({"input": "a\0"}, []),
        ({"input": None, "inputs": []}, []),
    ],
)
def test_the_input_paths_of_a_job_are_those_that_can_be_looked_at(fields: dict[str, Any], paths: list[str]) -> None:
    assert input_paths(SimpleNamespace(**fields)) == paths
