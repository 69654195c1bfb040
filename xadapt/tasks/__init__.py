"""One file per task. A file that defines `TASK` is found here; nothing else needs to know of it."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from xadapt.declared import Declared
from xadapt.errors import UnknownName, nearest
from xadapt.task import Task


@cache
def tasks() -> dict[str, Task]:
    """Every task by name, sorted."""
    names = sorted(module.name for module in iter_modules(__path__))
    return {name: import_module(f"{__name__}.{name}").TASK for name in names}


def task(key: str | Declared, at: str = "task", declared: Mapping[str, Task] | None = None) -> Task:
    """The task of this name, here or among those that an experiment declares, or a declared one itself.

    Raises UnknownName with the nearest one.
    """
    if isinstance(key, Declared):
        return key.task
    known = {**tasks(), **(declared or {})}
    if key not in known:
        raise UnknownName(f"{at}: no task {key!r}{nearest(key, known)}")
    return known[key]
