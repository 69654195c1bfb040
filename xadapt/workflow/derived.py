"""What a store keeps beside its stages to save time: in no digest, made again when it is missing.

`.tokens/<key>/` holds texts as a tokenizer reads them. A folder appears by one rename; its `facts.json`
holds the checksum of each file, so that what was changed or cut is found when it is opened.
"""

import json
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from xadapt.workflow.disk import writable
from xadapt.workflow.record import file_names, file_sha256
from xadapt.workflow.store import Store

T = TypeVar("T")
FACTS = "facts.json"
PAUSE = 0.1
"""Seconds between two looks at what another process makes."""


class Kept(NamedTuple):
    folder: Path
    facts: dict[str, Any]


def home(store: Store) -> Path:
    return store.root / ".tokens"


def read(store: Store, key: str, make: Callable[[Path], dict[str, Any]], opening: Callable[[Kept], T]) -> T:
    """What `opening` opens of the folder of `key`, as of `kept`; again where it was removed in between."""
    while True:
        found = kept(store, key, make)
        try:
            return opening(found)
        except FileNotFoundError:
            # `remove` of another process; what lies there whole lacks a file for another reason.
            if _opened(found.folder):
                raise


def kept(store: Store, key: str, make: Callable[[Path], dict[str, Any]]) -> Kept:
    """The folder of `key`, made when it is not there or not as it was written.

    `make` writes files into a folder and returns facts of them. While another process makes the same, this
    one waits. Raises DiskFull or Unwritable.
    """
    while (found := _opened(home(store) / key)) is None:
        with store.lock(key) as mine:
            if mine:
                # Another process may have ended between the look and the lock.
                return _opened(home(store) / key) or _made(store, key, make)
        time.sleep(PAUSE)
    return found


def _opened(folder: Path) -> Kept | None:
    try:
        written = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        if all(file_sha256(folder / name) == checksum for name, checksum in written["files"].items()):
            return Kept(folder, written["facts"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return None


def _made(store: Store, key: str, make: Callable[[Path], dict[str, Any]]) -> Kept:
    """Under the lock of `key`: what else is there of it is broken, or of a process that was killed."""
    final = home(store) / key
    with writable(store.root):
        for left in home(store).glob(f".{key}-*"):
            shutil.rmtree(left, ignore_errors=True)
        scratch = home(store) / f".{key}-{os.getpid()}"
        scratch.mkdir(parents=True)
        try:
            facts = make(scratch)
            files = {name: file_sha256(scratch / name) for name in file_names(scratch)}
            (scratch / FACTS).write_text(json.dumps({"files": files, "facts": facts}), encoding="utf-8")
            shutil.rmtree(final, ignore_errors=True)
            scratch.replace(final)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return Kept(final, facts)


class Derived(NamedTuple):
    """How much of a store can go, or went: the next run makes again what it needs of it."""

    folders: int
    size: int
    """Bytes."""
    in_use: int = 0
    """Folders that stay: another process makes them just now."""


def derived(store: Store) -> Derived:
    folders = [path for path in home(store).glob("*") if path.is_dir()]
    return Derived(len(folders), sum(map(_size, folders)))


def _size(folder: Path) -> int:
    # A run may replace it just now.
    with suppress(FileNotFoundError):
        return sum((folder / name).stat().st_size for name in file_names(folder))
    return 0


def remove(store: Store) -> Derived:
    """But for what another process makes just now. Runs go on: what is mapped stays until they end.

    Raises Unwritable.
    """
    sizes, in_use = [], 0
    for path in filter(Path.is_dir, home(store).glob("*")):
        key = path.name[1:].rpartition("-")[0] if path.name.startswith(".") else path.name
        with store.lock(key) as free:
            in_use += not free
            if free:
                sizes.append(_size(path))
                with writable(store.root), suppress(FileNotFoundError):
                    shutil.rmtree(path)
    return Derived(len(sizes), sum(sizes), in_use)
