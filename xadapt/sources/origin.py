"""The origin of rows as a value: what is read, never where it lies."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from xadapt.errors import ConfigError
from xadapt.sources import folder as local
from xadapt.task import Source
from xadapt.workflow.record import file_sha256

World = Literal["hub", "folder", "toyworld"]


@dataclass(frozen=True, kw_only=True)
class Hub:
    """One split of a hub dataset at one revision."""

    path: str
    revision: str
    config: str
    split: str
    files: str = ""
    id_prefix: str = ""


@dataclass(frozen=True, kw_only=True)
class Folder:
    """One local file by name and content; the folder itself is a flag, so it is not here."""

    name: str
    """`<dataset>/<config>/<split>`, without `.jsonl`."""
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Toy:
    """Rows of the embedded toy world."""

    dataset: str
    config: str
    split: str
    size: int
    version: int


Origin = Hub | Folder | Toy


def origins(
    sources: Iterable[Source], world: World, folder: Path | None, size: int | None
) -> tuple[Origin, ...]:
    """Where the rows of `sources` come from in this world, each place once; a local file is named by content.

    `size` is the number of rows that the toy world makes. Raises DataError for a missing folder or file,
    ConfigError for a world that needs a flag.
    """
    return tuple(dict.fromkeys(_origin(source, world, folder, size) for source in sources))


def _origin(source: Source, world: World, folder: Path | None, size: int | None) -> Origin:
    if world == "hub":
        return Hub(
            path=source.path,
            revision=source.revision or "main",
            config=source.config,
            split=source.split,
            files=source.files,
            id_prefix=source.id_prefix,
        )
    dataset, config, split = source.local.split("/")
    if world == "toyworld":
        from xadapt import toyworld

        return Toy(dataset=dataset, config=config, split=split, size=size or 400, version=toyworld.VERSION)
    if folder is None:
        raise ConfigError("data.world = 'folder' needs a folder", "give it with --data DIR")
    return Folder(name=source.local, sha256=file_sha256(local.file(folder, source.local)))


def place(rows: Origin) -> str:
    """How an error names the origin."""
    if isinstance(rows, Folder):
        return f"{rows.name}.jsonl"
    return f"{rows.path if isinstance(rows, Hub) else rows.dataset}/{rows.config}/{rows.split}"
