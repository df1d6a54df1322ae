from pathlib import Path
from typing import get_args

import msgspec
import pytest

import mediamill.operations
from mediamill.engine.registry import MEDIA, Operation, Registry
from mediamill.operations.contract import Lane
from mediamill.protocol.errors import DependencyMissing, Internal, InvalidJob
from mediamill.protocol.job import Job

TESTS = Path(__file__).parents[1]
OPERATIONS = Registry().all()

SOURCE = """
from mediamill.operations.contract import Plan
from mediamill.protocol.job import Job

SUMMARY = "Do {name}."
EXAMPLE = {{"operation": "{name}"}}

class Params(Job, frozen=True, kw_only=True, tag="{tag}"):
    pass

def plan(params, ctx):
    return Plan()

def run(params, ctx):
    return None
"""


def write(folder: Path, name: str, tag: str | None = None) -> None:
    (folder / f"{name}.py").write_text(SOURCE.format(name=name, tag=tag or name))


def test_the_operations_are_the_files_in_the_media_folders() -> None:
    root = Path(mediamill.operations.__path__[0])
    files = [path for medium in MEDIA for path in (root / medium).glob("[!_]*.py")]
    assert sorted(Registry().names) == sorted(path.stem for path in files)
    assert {operation.name: operation.medium for operation in OPERATIONS} == {
        path.stem: path.parent.name for path in files
    }


def test_every_folder_with_an_operation_is_a_medium() -> None:
    root = Path(mediamill.operations.__path__[0])
    assert {path.parent.name for path in root.glob("*/[!_]*.py")} <= set(MEDIA)


def test_no_two_operations_have_one_name() -> None:
    root = Path(mediamill.operations.__path__[0])
    names = [path.stem for medium in MEDIA for path in (root / medium).glob("[!_]*.py")]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
class TestShipped:
    """What every shipped operation has."""

    def test_it_is_whole(self, operation: Operation) -> None:
        assert operation.name == operation.params.__struct_config__.tag
        assert issubclass(operation.params, Job)
        assert operation.params.__struct_config__.frozen
        assert operation.params.__struct_config__.forbid_unknown_fields
        assert operation.summary.endswith(".")
        assert "\n" not in operation.summary
        assert operation.lane in get_args(Lane)
        assert all(map(callable, (operation.expand, operation.collect))) or all(
            map(callable, (operation.plan, operation.run))
        )

    def test_its_example_is_a_job_of_its_own(self, operation: Operation) -> None:
        assert operation.example["operation"] == operation.name
        assert isinstance(msgspec.convert(operation.example, operation.params), operation.params)

    def test_it_has_a_test_file_in_the_mirrored_place(self, operation: Operation) -> None:
        assert (TESTS / "operations" / operation.medium / f"test_{operation.name}.py").is_file()


def test_an_extra_folder_is_searched_after_the_package(tmp_path: Path) -> None:
    write(tmp_path, "extra_thing")
    write(tmp_path, "batch")
    registry = Registry([str(tmp_path)])
    assert registry.names[-1] == "extra_thing"
    assert registry["extra_thing"].medium == "extra"
    assert registry["extra_thing"].summary == "Do extra_thing."
    assert registry["batch"].medium == "general"
    assert registry.params("extra_thing") is registry["extra_thing"].params


def test_helpers_and_other_files_are_no_operations(tmp_path: Path) -> None:
    for name in ("_helper.py", "__init__.py", "notes.txt", "thing.pyc"):
        (tmp_path / name).write_text("raise RuntimeError")
    (tmp_path / "folder").mkdir()
    assert Registry([str(tmp_path)]).names == Registry().names


def test_a_file_is_imported_at_its_first_use_and_once(tmp_path: Path) -> None:
    (tmp_path / "breaks.py").write_text("raise RuntimeError('imported')")
    write(tmp_path, "works")
    registry = Registry([str(tmp_path)])
    assert "breaks" in registry.names
    assert registry["works"] is registry["works"]
    with pytest.raises(Internal) as caught:
        registry["breaks"]
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert "imported" in str(caught.value.detail)


def test_params_tagged_with_another_name_are_an_import_error(tmp_path: Path) -> None:
    write(tmp_path, "thing", tag="other")
    with pytest.raises(Internal) as caught:
        Registry([str(tmp_path)])["thing"]
    assert isinstance(caught.value.__cause__, ImportError)
    assert "thing.py: Params is tagged 'other', not 'thing'." in str(caught.value.__cause__)


def test_a_file_that_needs_a_missing_library_says_which(tmp_path: Path) -> None:
    (tmp_path / "needy.py").write_text("import no_such_library")
    with pytest.raises(DependencyMissing, match="no_such_library"):
        Registry([str(tmp_path)])["needy"]


def test_an_unknown_name_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        Registry()["no_such_operation"]


def test_a_folder_that_does_not_exist_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidJob, match="does not exist") as caught:
        Registry([str(tmp_path / "none")])
    assert caught.value.field == "operations_path"


def test_the_default_lane_is_the_short_one(tmp_path: Path) -> None:
    write(tmp_path, "quick")
    write(tmp_path, "slow")
    with (tmp_path / "slow.py").open("a") as file:
        file.write('\nLANE = "long"\n')
    registry = Registry([str(tmp_path)])
    assert (registry["quick"].lane, registry["slow"].lane) == ("short", "long")
