"""The origin of rows as a value: what is read, never where it lies."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from xadapt.errors import ConfigError
from xadapt.recipe import WHERE
from xadapt.sources import folder as local
from xadapt.sources import lock as locks
from xadapt.sources import readers
from xadapt.sources.lock import File, Lock
from xadapt.task import Source
from xadapt.workflow.digest import ADDED
from xadapt.workflow.record import file_sha256

World = Literal["hub", "folder", "toyworld"]


@dataclass(frozen=True, kw_only=True)
class Hub:
    """One split of a hub dataset at one revision; the lock of an experiment says which files these are."""

    path: str
    revision: str
    """40 hex digits; of a split that is not locked the branch that its lock is to be taken from."""
    config: str
    split: str
    files: str = ""
    id_prefix: str = ""
    read: tuple[File, ...] = field(default=(), metadata=ADDED)
    """In this order; none before the split is locked."""
    names: tuple[tuple[str, tuple[str, ...]], ...] = field(default=(), metadata=ADDED)
    """Column -> class names, as the card of the repository gives them."""


@dataclass(frozen=True, kw_only=True)
class Folder:
    """One local file by name and content; the folder itself is a flag, so it is not here."""

    name: str
    """`<dataset>/<config>/<split>`, without suffix."""
    sha256: str
    suffix: str = field(default=".jsonl", metadata=ADDED)
    """One of `readers.SUFFIXES`: the same bytes are other rows in another format."""


@dataclass(frozen=True, kw_only=True)
class Toy:
    """Rows of the embedded toy world."""

    dataset: str
    config: str
    split: str
    size: int
    """Rows; of a pool that pairs are hidden in (BUCC) sentences that have a translation, one in ten."""
    version: int


@dataclass(frozen=True, kw_only=True)
class Own:
    """One file of a task that an experiment declares, by content alone: `path` may be anywhere."""

    sha256: str
    suffix: str
    path: str = field(metadata=WHERE)


Origin = Hub | Folder | Toy | Own


def origins(
    sources: Iterable[Source], world: World, folder: Path | None, size: int | None, lock: Lock | None = None
) -> tuple[Origin, ...]:
    """Where the rows of `sources` come from in this world, each place once; a local file is named by content.

    `size` is the number of rows that the toy world makes, `lock` says what a name of the hub stands for.
    Raises DataError for a missing folder or file, ConfigError for a world that needs a flag.
    """
    every = (each for source in sources for each in _each(source, world, folder))
    return tuple(dict.fromkeys(_origin(source, world, folder, size, lock or Lock()) for source in every))


def _each(source: Source, world: World, folder: Path | None) -> Sequence[Source]:
    """The source; with `*` for its config one source for each config that the world or the folder has."""
    if "/*/" not in source.local or world == "hub":
        return (source,)
    dataset, _, split = source.local.split("/")
    names: Sequence[str] = local.configs(folder, dataset, split) if folder else ()
    if world == "toyworld":
        from xadapt import toyworld

        names = toyworld.DATASETS[dataset].configs
    # Where there is none, the error is that of a file that is not there.
    return [replace(source, local=f"{dataset}/{name}/{split}") for name in names] or (source,)


def _origin(source: Source, world: World, folder: Path | None, size: int | None, lock: Lock) -> Origin:
    if source.file is not None:
        return _own(source.file)
    if world == "hub":
        return _hub(source, lock)
    dataset, config, split = source.local.split("/")
    if world == "toyworld":
        from xadapt import toyworld

        version = toyworld.version(dataset)
        return Toy(dataset=dataset, config=config, split=split, size=size or 400, version=version)
    if folder is None:
        raise ConfigError(f"{source.local}: data.world = 'folder' needs a folder", "give it with --data DIR")
    path = local.file(folder, source.local)
    return Folder(name=source.local, sha256=file_sha256(path), suffix=readers.suffix(path.name))


def _own(path: Path) -> Own:
    return Own(sha256=file_sha256(local.existing(path)), suffix=readers.suffix(path.name), path=str(path))


def _hub(source: Source, lock: Lock) -> Hub:
    if not source.path:
        raise ConfigError(
            f"{source.local}: these data are not on the hub",
            "put them into a folder: data.world = 'folder' and --data DIR",
        )
    # Files may be asked for on another branch: `refs/convert/parquet:default/train/*.parquet`.
    branch = source.files.rpartition(":")[0] or locks.MAIN
    found = Hub(
        path=source.path,
        revision=source.revision or branch,
        config=source.config,
        split=source.split,
        files=source.files,
        id_prefix=source.id_prefix,
    )
    data = lock.dataset.get(locks.repository_key(found.path, found.revision))
    split = data.split.get(locks.split_key(found.config, found.split, found.files)) if data else None
    if data is None or split is None:
        return found
    names = tuple(sorted(split.names.items()))
    return replace(found, revision=data.revision, read=locks.files(split.files), names=names)


def place(rows: Origin) -> str:
    """How an error names the origin."""
    if isinstance(rows, Own):
        return rows.path
    if isinstance(rows, Folder):
        return f"{rows.name}{rows.suffix}"
    return f"{rows.path if isinstance(rows, Hub) else rows.dataset}/{rows.config}/{rows.split}"
