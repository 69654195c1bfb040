"""The experiment that a module came from, to be pushed beside it, and the command that makes it again."""

import os
import shlex
import tomllib
from pathlib import Path
from typing import Any

from xadapt import kept, toml
from xadapt.hub.remote import Source
from xadapt.workflow.record import Record
from xadapt.workflow.store import Store

NAME, LOCK = "experiment.toml", "experiment.lock"


def again(record: Record, store: Store) -> tuple[str, dict[str, Source]]:
    """(command, files): from the experiment that the store keeps, else as it was typed."""
    found = kept.find(record.digest, store)
    if found is None:
        return shlex.join(record.command), {}
    data = ["--data", "DATA"] if found.data else []
    command = shlex.join(["xadapt", "run", NAME, *data, "--only", record.digest[:12]])
    return command, files(record.digest, store)


def files(digest: str, store: Store) -> dict[str, Source]:
    """The experiment of a stage and its lock, as the store keeps them."""
    found = kept.find(digest, store)
    if found is None:
        return {}
    lock = found.path.with_suffix(".lock")
    own: dict[str, Source] = {NAME: portable(found.path.read_text(encoding="utf-8")).encode()}
    return own | ({LOCK: lock} if lock.is_file() else {})


def portable(text: str) -> str:
    """An experiment without the paths of this machine: its own files go by their place among each other.

    A file counts by its content, so that the same stages follow from it.
    """
    table = tomllib.loads(text)
    paths = [Path(each) for each in _paths(table)]
    if not paths:
        return text
    common = Path(os.path.commonpath([path.parent for path in paths]))
    return toml.write(_relative(table, common))


def _paths(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [path for each in value.values() for path in _paths(each)]
    if isinstance(value, list):
        return [path for each in value for path in _paths(each)]
    return [value] if isinstance(value, str) and Path(value).is_absolute() else []


def _relative(value: Any, common: Path) -> Any:
    if isinstance(value, dict):
        return {name: _relative(each, common) for name, each in value.items()}
    if isinstance(value, list):
        return [_relative(each, common) for each in value]
    absolute = isinstance(value, str) and Path(value).is_absolute()
    return str(Path(value).relative_to(common)) if absolute else value
