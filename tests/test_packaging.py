import re
import tomllib
from importlib import metadata, resources
from pathlib import Path

import pytest

from mediamill.protocol import version

ROOT = Path(__file__).parents[1]
ROOMS = ("protocol", "operations", "engine")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def test_every_package_on_disk_is_shipped_and_every_shipped_one_exists() -> None:
    on_disk = {
        "mediamill." + ".".join(path.parent.relative_to(ROOT).parts)
        for room in ROOMS
        for path in (ROOT / room).rglob("__init__.py")
    }
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == on_disk


def test_every_folder_with_modules_is_a_package() -> None:
    folders = {path.parent for room in ROOMS for path in (ROOT / room).rglob("*.py")}
    assert not [folder for folder in folders if not (folder / "__init__.py").is_file()]


def test_each_room_has_its_folder_and_its_types() -> None:
    assert PROJECT["tool"]["setuptools"]["package-dir"] == {f"mediamill.{room}": room for room in ROOMS}
    for room in ROOMS:
        assert (ROOT / room / "py.typed").is_file()
        assert (resources.files(f"mediamill.{room}") / "py.typed").is_file()


def test_every_file_that_is_no_module_is_listed_as_data() -> None:
    data = PROJECT["tool"]["setuptools"]["package-data"]
    for room in ROOMS:
        for path in (ROOT / room).rglob("*"):
            if path.is_file() and path.suffix not in (".py", ".pyc"):
                package = "mediamill." + ".".join(path.parent.relative_to(ROOT).parts)
                assert path.name in [*data.get(package, []), *data["*"]], path


def test_the_version_stands_in_one_place() -> None:
    assert "version" not in PROJECT["project"]
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert PROJECT["tool"]["setuptools"]["dynamic"] == {"version": {"attr": "mediamill.protocol.version.ENGINE"}}
    assert metadata.version("mediamill") == version.ENGINE
    assert re.fullmatch(r"\d+\.\d+\.\d+", version.ENGINE)
    quoted = f'"{version.ENGINE}"'
    holders = [path for room in ROOMS for path in (ROOT / room).rglob("*.py") if quoted in path.read_text("utf-8")]
    assert holders == [ROOT / "protocol" / "version.py"]


def test_the_command_is_the_entry_point() -> None:
    (script,) = [
        point for point in metadata.entry_points(group="console_scripts") if point.value.startswith("mediamill")
    ]
    assert (script.name, script.value) == ("mediamill", "mediamill.engine.__main__:run")
    assert callable(script.load())


def test_the_readme_and_the_licence_that_are_named_exist() -> None:
    assert (ROOT / PROJECT["project"]["readme"]).is_file()
    assert all((ROOT / name).is_file() for name in PROJECT["project"]["license-files"])


@pytest.mark.parametrize("requirement", PROJECT["project"]["dependencies"])
def test_every_dependency_has_a_lower_bound_that_is_met(requirement: str) -> None:
    package, bound = re.fullmatch(r"([\w-]+)>=([\d.]+)", requirement).groups()  # type: ignore[union-attr]
    installed = [int(part) for part in re.findall(r"\d+", metadata.version(package))]
    assert installed >= [int(part) for part in bound.split(".")]
