"""Data: read the rows of one source, check them, write them as plain examples."""

import hashlib
import heapq
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from dataclasses import replace as changed
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from xadapt import examples
from xadapt.errors import ConfigError, DataError
from xadapt.examples import Example
from xadapt.task import Row, Source, Task
from xadapt.tasks import task
from xadapt.workflow.context import Context
from xadapt.workflow.record import file_sha256
from xadapt.workflow.stage import Stage

World = Literal["hub", "folder", "toyworld"]


@dataclass(frozen=True, kw_only=True)
class Hub:
    """One split of a hub dataset at one revision."""

    path: str
    revision: str
    config: str
    split: str


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


def origin(source: Source, world: World, folder: Path | None, size: int | None) -> Origin:
    """Where the rows of `source` come from in this world; a local file is named by what it holds.

    Raises DataError for a missing folder or file, ConfigError for a world that needs a flag.
    """
    if world == "hub":
        return Hub(path=source.path, revision=source.revision, config=source.config, split=source.split)
    dataset, config, split = source.local.split("/")
    if world == "toyworld":
        from xadapt import toyworld

        return Toy(dataset=dataset, config=config, split=split, size=size or 400, version=toyworld.VERSION)
    if folder is None:
        raise ConfigError("data.world = 'folder' needs a folder", "give it with --data DIR")
    return Folder(name=source.local, sha256=file_sha256(_file(folder, source.local)))


def _file(folder: Path, name: str) -> Path:
    path = folder / f"{name}.jsonl"
    if not folder.is_dir():
        raise DataError(
            f"{folder}: no such folder", "give the folder that holds the datasets with --data DIR"
        )
    if not path.is_file():
        there = [p.relative_to(folder).as_posix() for p in folder.glob("*/*/*.jsonl")]
        close = get_close_matches(f"{name}.jsonl", there, n=1, cutoff=0.5)
        raise DataError(f"{path}: no such file" + (f"; the nearest there is {close[0]!r}" if close else ""))
    return path


@dataclass(frozen=True, kw_only=True)
class Data(Stage):
    """Writes `examples.jsonl`; its record's notes say how many rows were read, kept and dropped, and why."""

    task: str
    task_version: int
    rows: Origin
    limit: int | None = None
    """Keep this many rows, chosen by a fixed shuffle, so that smaller limits are subsets of larger ones."""

    def title(self) -> str:
        return f"data {self.task}"

    def run(self, out: Path, context: Context) -> dict[str, Any]:
        """Raises DataError naming place, field and value of a bad row, or when there is no row at all."""
        what = task(self.task)
        dropped: Counter[str] = Counter()
        rows = _rows(self.rows, context)
        found = _unique(_examples(what, rows, dropped), dropped)
        kept = examples.write(
            found if self.limit is None else _subset(found, self.limit, dropped), out / "examples.jsonl"
        )
        if not kept:
            raise DataError(
                f"{_place(self.rows)}: no usable row" + (f" ({dict(dropped)})" if dropped else "")
            )
        left_out = sum(count for why, count in dropped.items() if why != "renamed")
        # Unary plus leaves out reasons that took no row.
        return {"read": kept + left_out, "kept": kept, "dropped": dict(+dropped)}


def _place(rows: Origin) -> str:
    if isinstance(rows, Folder):
        return f"{rows.name}.jsonl"
    return f"{rows.path if isinstance(rows, Hub) else rows.dataset}/{rows.config}/{rows.split}"


def _rows(rows: Origin, context: Context) -> Iterator[tuple[str, Row]]:
    """Each row with its place, `file:line` where it has one."""
    if isinstance(rows, Toy):
        from xadapt import toyworld

        made = toyworld.rows(rows.dataset, rows.config, rows.split, rows.size)
        return ((f"{_place(rows)}:{number}", row) for number, row in enumerate(made, 1))
    if isinstance(rows, Hub):
        return ((f"{_place(rows)}:{number}", row) for number, row in enumerate(_hub(rows), 1))
    if context.data is None:
        raise DataError(f"{rows.name}.jsonl lies in a local folder", "give it with --data DIR")
    path = _file(context.data, rows.name)
    if file_sha256(path) != rows.sha256:
        raise DataError(f"{path}: changed since the run was planned", "run again")
    return _lines(path)


def _lines(path: Path) -> Iterator[tuple[str, Row]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            place = f"{path}:{number}"
            try:
                row = json.loads(line.decode("utf-8"))
            except UnicodeDecodeError as error:
                raise DataError(f"{place}: not UTF-8 (byte {error.start + 1})") from error
            except ValueError as error:
                raise DataError(f"{place}: not JSON ({error})") from error
            if not isinstance(row, dict):
                raise DataError(f"{place}: expected an object, got {type(row).__name__}")
            yield place, row


def _hub(rows: Hub) -> Iterator[Row]:
    """Rows of a hub dataset, class labels by name; loading scripts are never run."""
    import datasets

    try:
        found = datasets.load_dataset(rows.path, rows.config, split=rows.split, revision=rows.revision)
    except Exception as error:
        # The library raises a dozen unrelated types here; each means that the rows cannot be had.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"hub dataset {_place(rows)} @ {rows.revision}: {reason}") from error
    names = {name: f.names for name, f in found.features.items() if isinstance(f, datasets.ClassLabel)}
    lists = {
        name: f.feature.names
        for name, f in found.features.items()
        if isinstance(f, datasets.List) and isinstance(f.feature, datasets.ClassLabel)
    }
    for row in found:
        for name, known in names.items():
            row[name] = known[row[name]] if row[name] is not None and row[name] >= 0 else -1
        for name, known in lists.items():
            row[name] = [known[number] for number in row[name]]
        yield row


def _examples(what: Task, rows: Iterable[tuple[str, Row]], dropped: Counter[str]) -> Iterator[Example]:
    for number, (place, row) in enumerate(rows):
        try:
            example = what.read(row, str(number))
        except KeyError as error:
            raise DataError(f"{place}: field {error.args[0]!r} is missing") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise DataError(f"{place}: {error}") from error
        if example is None:
            dropped["no label"] += 1
        else:
            yield example


def _unique(found: Iterable[Example], counts: Counter[str]) -> Iterator[Example]:
    """Ids made unique by a suffix: predictions are joined to gold by id, and mirrors repeat some."""
    times: Counter[str] = Counter()
    used: set[str] = set()
    for example in found:
        name = example.id
        # A made name may itself be an id of the source.
        while name in used:
            times[example.id] += 1
            name = f"{example.id}~{times[example.id] + 1}"
        used.add(name)
        if name != example.id:
            counts["renamed"] += 1
            example = changed(example, id=name)
        yield example


def _subset(found: Iterable[Example], limit: int, dropped: Counter[str]) -> list[Example]:
    """The `limit` examples whose numbers hash lowest, in order; no more than these are held in memory."""

    def numbered() -> Iterator[tuple[int, Example]]:
        for number, example in enumerate(found):
            dropped["limit"] += 1
            yield number, example

    kept = heapq.nsmallest(limit, numbered(), key=lambda each: hashlib.sha256(b"%d" % each[0]).digest())
    dropped["limit"] -= len(kept)
    return [example for _, example in sorted(kept, key=lambda each: each[0])]
