"""One file per task. A file that defines `TASK` is found here; nothing else needs to know of it."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from xadapt.errors import UnknownName, nearest
from xadapt.task import Task


@cache
def tasks() -> dict[str, Task]:
    """Every task by name, sorted."""
    names = sorted(module.name for module in iter_modules(__path__))
    return {name: import_module(f"{__name__}.{name}").TASK for name in names}


def task(name: str, at: str = "task") -> Task:
    """The task of this name; raises UnknownName with the nearest one."""
    if name not in tasks():
        raise UnknownName(f"{at}: no task {name!r}{nearest(name, tasks())}")
    return tasks()[name]
