"""Everything that stages read from the hub: locked to revisions, downloaded, checked."""

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from xadapt.errors import DiskFull, IntegrityError, Unwritable
from xadapt.recipe import ModelSpec
from xadapt.sources import asking, cache, lock
from xadapt.sources.cache import Kind
from xadapt.sources.lock import File, Lock
from xadapt.sources.origin import Hub
from xadapt.sources.published import Published
from xadapt.workflow.stage import Stage

COMMIT = 40
"""Hex digits of a revision that is a commit, not a branch."""


class Item(NamedTuple):
    """One split, or a model: files of one repository at one revision."""

    kind: Kind
    path: str
    revision: str
    part: str
    """`<config>/<split>`; empty for a model."""
    files: tuple[File, ...]

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(file.size for file in self.files)

    def place(self, file: File) -> Path:
        """Where a file lies, checked. Raises DataError or IntegrityError, as `cache.checked` does."""
        return cache.checked(self.kind, self.path, self.revision, file)

    def places(self) -> list[Path]:
        """Of all its files, checked."""
        return [self.place(file) for file in self.files]


@dataclass(frozen=True)
class Needs:
    """What stages read from the hub, each once."""

    data: tuple[Hub, ...]
    models: tuple[ModelSpec | Published, ...]

    @classmethod
    def of(cls, stages: Iterable[Stage]) -> "Needs":
        values = [value for stage in stages for value in stage.fields.values()]
        held = [each for value in values for each in (value if isinstance(value, tuple) else (value,))]
        data = dict.fromkeys(each for each in held if isinstance(each, Hub))
        models = dict.fromkeys(
            each for each in held if isinstance(each, ModelSpec | Published) and each.on_hub
        )
        return cls(tuple(data), tuple(models))

    @property
    def unlocked(self) -> int:
        """How many of them the lock does not know."""
        return sum(not hub.read for hub in self.data) + sum(not model.files for model in self.models)

    def items(self) -> tuple[Item, ...]:
        """Those that are locked."""
        splits = (
            Item("dataset", hub.path, hub.revision, f"{hub.config}/{hub.split}", hub.read)
            for hub in self.data
            if hub.read
        )
        models = (
            Item("model", each.name, each.revision, "", tuple(File(*file) for file in each.files))
            for each in self.models
            if each.files
        )
        return tuple(dict.fromkeys([*splits, *models]))

    def absent(self) -> list[tuple[Item, File]]:
        """The files of locked items that are not on this machine."""
        wanted = [(item, file) for item in self.items() for file in item.files]
        return [
            (item, file)
            for item, file in wanted
            if cache.find(item.kind, item.path, item.revision, file.name) is None
        ]


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Only one process at a time looks up what is to stand in the lock file `path`; others wait.

    Two that look up the same branch may see two commits, and would run under two digests.
    """
    from huggingface_hub import constants

    # Not beside the experiment: nothing is left there but the lock itself.
    name = hashlib.sha256(str(path.absolute()).encode()).hexdigest()
    place = Path(constants.HF_HUB_CACHE) / ".locks" / f"xadapt-{name[:16]}.lock"
    with ExitStack() as stack:
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            fcntl.flock(stack.enter_context(place.open("w")), fcntl.LOCK_EX)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            message = f"cannot write {place.parent}: {reason}"
            raise Unwritable(message, "set HF_HOME to another place") from error
        yield


def resolve(needed: Needs, known: Lock, save: Callable[[Lock], None]) -> Lock:
    """`known` with everything that is needed; saved after each new entry, so that nothing is asked twice.

    Raises DataError for what the hub does not have or does not give.
    """
    for hub in needed.data:
        if not hub.read:
            known = _with_split(known, hub)
            save(known)
    for model in needed.models:
        key = lock.repository_key(model.name, model.revision)
        if key not in known.model:
            at = _commit("model", model.name, model.revision)
            ask = asking.model if isinstance(model, ModelSpec) else asking.module
            known = known.with_model(key, lock.Model(revision=at, files=ask(model.name, at)))
            save(known)
    return known


def _with_split(known: Lock, hub: Hub) -> Lock:
    repository = lock.repository_key(hub.path, hub.revision)
    there = known.dataset.get(repository)
    at = there.revision if there else _commit("dataset", hub.path, hub.revision)
    split = asking.split(hub.path, at, hub.config, hub.split, hub.files)
    key = lock.split_key(hub.config, hub.split, hub.files)
    return known.with_split(repository, at, key, split)


def _commit(kind: Kind, path: str, revision: str) -> str:
    """`revision` itself when it is a commit; a branch or tag is looked up."""
    commit = len(revision) == COMMIT and set(revision) <= set("0123456789abcdef")
    return revision if commit else asking.revision(kind, path, revision)


def download(needed: Needs) -> Iterator[tuple[Item, list[Path]]]:
    """Each item with where its files lie, once all are there and are those of the lock.

    Raises DiskFull before the first download, DataError, and IntegrityError for bytes that stay wrong.
    """
    _check_room(sum(file.size for _, file in needed.absent()))
    for item in needed.items():
        yield item, [_get(item, file) for file in item.files]


def _get(item: Item, file: File) -> Path:
    if cache.find(item.kind, item.path, item.revision, file.name) is None:
        asking.download(item.kind, item.path, item.revision, file.name)
    try:
        return item.place(file)
    except IntegrityError:
        # A damaged disk or an interrupted copy: once more, then it is the hub that has other bytes.
        asking.download(item.kind, item.path, item.revision, file.name, again=True)
        return item.place(file)


def _check_room(needed: int) -> None:
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE).absolute()
    place = next(path for path in (folder, *folder.parents) if path.exists())
    if needed > (free := shutil.disk_usage(place).free):
        raise DiskFull(
            f"{folder}: {needed:,} bytes are to be downloaded, {free:,} are free",
            "free some space, or set HF_HOME to another disk",
        )
