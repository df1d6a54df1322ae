"""The operations there are, found by being there.

A file `NAME.py` in a medium's folder of the operations room, or in a folder the settings name, is the operation NAME;
files that start with an underscore are helpers. Names come from listing folders alone; a file is imported when its
operation is first used, so a one-shot command pays for one.
"""

import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from functools import cached_property
from types import ModuleType
from typing import Any

import msgspec
from msgspec import Struct

import mediamill.operations
from mediamill.engine.funnel import to_media_error
from mediamill.operations.contract import Context, Lane, Metadata, Plan, SubJobs
from mediamill.protocol.errors import InvalidJob, MediaError
from mediamill.protocol.job import Job

MEDIA = ("images", "video", "audio", "documents", "general")


class Operation(Struct, frozen=True, kw_only=True):
    """One operation's module, by its parts.

    Attributes:
        name: What jobs call it.
        medium: The folder it was found in, `extra` for one outside the package.
        params: The declared job type.
        summary: One line.
        example: A job that runs on the samples.
        lane: Whether its jobs are short or long.
        tells_names: Whether what it writes or tells depends on how files are called.
    """

    name: str
    medium: str
    params: type[Job]
    summary: str
    example: dict[str, Any]
    lane: Lane
    tells_names: bool = False
    plan: Callable[[Any, Context], Plan] | None
    run: Callable[[Any, Context], Metadata] | None
    expand: Callable[[Any], SubJobs] | None
    collect: Callable[[Any, list[Any]], Metadata] | None


class Registry:
    """Finds and loads operations; the vocabulary jobs are decoded with.

    Args:
        extra: Folders with further operations, searched after the package's own.

    Raises:
        InvalidJob: One of the folders does not exist.
    """

    def __init__(self, extra: Sequence[str] = ()) -> None:
        self._extra = tuple(extra)
        for folder in self._extra:
            if not os.path.isdir(folder):
                raise InvalidJob(f"The folder of operations {folder!r} does not exist.", field="operations_path")
        self._loaded: dict[str, Operation] = {}

    @cached_property
    def _places(self) -> dict[str, tuple[str, str]]:
        """Map each name to its medium and file."""
        places: dict[str, tuple[str, str]] = {}
        root = mediamill.operations.__path__[0]
        folders = [(medium, os.path.join(root, medium)) for medium in MEDIA]
        for medium, folder in [*folders, *(("extra", folder) for folder in self._extra)]:
            if not os.path.isdir(folder):
                continue
            for entry in sorted(os.listdir(folder)):
                name, suffix = os.path.splitext(entry)
                if suffix == ".py" and not name.startswith("_"):
                    places.setdefault(name, (medium, os.path.join(folder, entry)))
        return places

    @property
    def names(self) -> list[str]:
        """The names of all operations, by medium and alphabet."""
        return list(self._places)

    def params(self, name: str) -> type[Job]:
        """Return the declared job type of a known operation."""
        return self[name].params

    def all(self) -> list[Operation]:
        """Load and return every operation."""
        return [self[name] for name in self._places]

    def __getitem__(self, name: str) -> Operation:
        """Return a known operation, imported on its first use."""
        found = self._loaded.get(name)
        if found is None:
            medium, path = self._places[name]
            try:
                module = _import_file(name, path) if medium == "extra" else _import_own(medium, name)
                found = self._loaded[name] = _operation(name, medium, module)
            except Exception as error:
                raise to_media_error(error) from error
        return found


def _import_own(medium: str, name: str) -> ModuleType:
    return importlib.import_module(f"mediamill.operations.{medium}.{name}")


def _import_file(name: str, path: str) -> ModuleType:
    import importlib.util

    full = f"mediamill_extra_{name}"
    spec = importlib.util.spec_from_file_location(full, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be loaded as a module.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[full] = module
    spec.loader.exec_module(module)
    return module


def _operation(name: str, medium: str, module: ModuleType) -> Operation:
    params = module.Params
    with contextlib.suppress(msgspec.ValidationError, MediaError):
        msgspec.convert({"operation": name}, params)  # a type that cannot be decoded at all raises TypeError
    if params.__struct_config__.tag != name:
        raise ImportError(f"{module.__file__}: Params is tagged {params.__struct_config__.tag!r}, not {name!r}.")
    return Operation(
        name=name,
        medium=medium,
        params=params,
        summary=module.SUMMARY,
        example=module.EXAMPLE,
        lane=getattr(module, "LANE", "short"),
        tells_names=getattr(module, "TELLS_NAMES", False),
        plan=getattr(module, "plan", None),
        run=getattr(module, "run", None),
        expand=getattr(module, "expand", None),
        collect=getattr(module, "collect", None),
    )
