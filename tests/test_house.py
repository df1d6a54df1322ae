import ast
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("protocol", "operations", "engine")
MODULES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
MAY_IMPORT = {
    "protocol": {"protocol"},
    "operations": {"protocol", "operations"},
    "engine": {"protocol", "operations", "engine"},
}
MEDIA = {path.name for path in (ROOT / "operations").iterdir() if path.is_dir() and not path.name.startswith("_")}
LIGHT = {"msgspec", "mediamill"}
MAX_LINES, MAX_FUNCTION_LINES = 400, 50


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def imports(tree: ast.AST) -> Iterator[tuple[str, list[str]]]:
    """Yield each imported module with the names that are taken from it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module
            yield node.module, [alias.name for alias in node.names]


def imports_at_load(tree: ast.Module) -> Iterator[str]:
    """Yield the modules that are imported when the module itself is: not in functions, not for types alone."""
    left: list[ast.AST] = [tree]
    while left:
        node = left.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            left += node.orelse
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (module for module, _ in imports(node))
        left += ast.iter_child_nodes(node)


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def public(body: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """Yield the public functions and classes of a module, and the public methods of those classes."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body)


@pytest.mark.parametrize("path", MODULES, ids=name)
class TestModules:
    """What holds for each module of the three rooms."""

    def test_imports_go_one_way(self, path: Path) -> None:
        room = path.relative_to(ROOT).parts[0]
        for module, names in imports(parsed(path)):
            if module == "mediamill":
                assert set(names) <= MAY_IMPORT[room]
            elif module.startswith("mediamill."):
                assert module.split(".")[1] in MAY_IMPORT[room], module

    def test_nothing_heavy_is_imported_with_it(self, path: Path) -> None:
        for module in imports_at_load(parsed(path)):
            top = module.split(".")[0]
            assert top in LIGHT or top in sys.stdlib_module_names, f"import {module} where it is used"

    def test_the_protocol_needs_msgspec_alone(self, path: Path) -> None:
        if path.relative_to(ROOT).parts[0] == "protocol":
            for module, _ in imports(parsed(path)):
                assert module.split(".")[0] in LIGHT | set(sys.stdlib_module_names), module

    def test_operations_do_not_import_each_other(self, path: Path) -> None:
        if path.relative_to(ROOT).parts[0] != "operations":
            return
        for module, names in imports(parsed(path)):
            parts = module.split(".")
            if parts[:2] == ["mediamill", "operations"]:
                found = [parts[2]] if len(parts) == 3 and parts[2] not in MEDIA else parts[3:] or names
                allowed = {"contract", "sniff"} if len(parts) < 3 or parts[2] not in MEDIA else set()
                assert all(part in allowed or part.startswith("_") for part in found), module

    def test_nobody_prints(self, path: Path) -> None:
        calls = [node.func for node in ast.walk(parsed(path)) if isinstance(node, ast.Call)]
        assert not [call for call in calls if isinstance(call, ast.Name) and call.id in ("print", "breakpoint")]

    def test_it_is_short(self, path: Path) -> None:
        assert len(path.read_text("utf-8").splitlines()) <= MAX_LINES

    def test_its_functions_are_short(self, path: Path) -> None:
        lengths = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in functions(parsed(path))}
        assert {key: length for key, length in lengths.items() if length > MAX_FUNCTION_LINES} == {}

    def test_it_says_what_it_is_and_so_does_all_that_is_public(self, path: Path) -> None:
        tree = parsed(path)
        assert ast.get_docstring(tree)
        silent = [node.name for node in public(tree.body) if not ast.get_docstring(node)]
        assert silent == []

    def test_it_leaves_nothing_to_do(self, path: Path) -> None:
        text = path.read_text("utf-8")
        assert not [word for word in ("TODO", "FIXME", "XXX") if word in text]


def test_there_are_modules_in_every_room() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in MODULES} == set(ROOMS)


@pytest.mark.parametrize("path", TESTS, ids=name)
def test_every_test_file_holds_a_test(path: Path) -> None:
    assert [node for node in functions(parsed(path)) if node.name.startswith("test_")]


@pytest.mark.parametrize("room", ["protocol", "engine"])
def test_tests_of_a_module_bear_its_name(room: str) -> None:
    modules = {path.stem for path in (ROOT / room).glob("*.py")}
    known = {f"test_{module}" for module in modules} | {"test_cli"}
    extra = {path.stem for path in (ROOT / "tests" / room).glob("test_*.py")} - known
    assert all(any(stem.startswith(f"{one}_") for one in known) for stem in extra), extra


def test_the_rooms_ship_under_one_name() -> None:
    for room in ROOMS:
        assert importlib.util.find_spec(f"mediamill.{room}") is not None
