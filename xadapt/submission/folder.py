"""A submission folder: written whole or not at all, read back, checked, and scored again from disk."""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xadapt import examples
from xadapt.errors import ConfigError, DataError, IntegrityError, Unwritable, nearest
from xadapt.submission.entries import Entry
from xadapt.workflow.context import Context
from xadapt.workflow.store import Store


@dataclass(frozen=True)
class Checked:
    """One file that is right, and its score as made again from it."""

    entry: Entry
    items: int
    metrics: dict[str, float]
    """In percent, the main one first."""

    @property
    def value(self) -> float:
        return next(iter(self.metrics.values()))

    def as_json(self) -> dict[str, Any]:
        entry = self.entry
        return {
            "file": entry.file,
            "task": entry.task.name,
            "language": entry.language,
            "items": self.items,
            "value": self.value,
            "metrics": self.metrics,
            "digest": entry.score.digest,
        }


def write(folder: Path, entries: Sequence[Entry], store: Store) -> list[Checked]:
    """Write every file, check and score them as they lie on disk, and only then give the folder its name.

    Raises ConfigError for a place that is taken, Unwritable for one that cannot be written, and what
    `check` raises.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ConfigError(f"--output {folder}: is there already, and not an empty folder")
    final = folder.resolve()
    part = final.with_name(f".{final.name}.{os.getpid()}")
    try:
        for entry in entries:
            path = part / entry.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_text(entry, store), encoding="utf-8", newline="\n")
        found = check(part, entries, store)
        part.replace(final)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise Unwritable(f"--output {folder}: {reason}", "choose another --output") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return found


def _text(entry: Entry, store: Store) -> str:
    test, predicted, _ = entry.score.counted(Context(store))
    return entry.format.write(test, predicted)


def check(folder: Path, entries: Sequence[Entry], store: Store) -> list[Checked]:
    """Read a folder from disk and score it.

    Raises DataError for a file that is missing, that the benchmark does not know, or that does not hold one
    prediction for each test example; IntegrityError when a score is not the stored one to the last digit.
    """
    known = {entry.file for entry in entries}
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    if gone := sorted(known - there):
        raise DataError(f"{folder / gone[0]}: missing" + (f", and {len(gone) - 1} more" if gone[1:] else ""))
    if extra := sorted(there - known):
        raise DataError(f"{folder / extra[0]}: no file of this submission{nearest(extra[0], known)}")
    return [_checked(folder / entry.file, entry, store) for entry in entries]


def _checked(path: Path, entry: Entry, store: Store) -> Checked:
    # numpy takes a while to import, which a refused call does without.
    from xadapt import metrics

    test = entry.examples(store)
    try:
        found = entry.format.read(path.read_text(encoding="utf-8"), test, entry.task)
    except ValueError as error:
        raise DataError(f"{entry.file}: {error}") from error
    right = examples.gold(examples.asked(test))
    rows = metrics.metric(entry.score.metric).items(right, found, entry.language)
    again = metrics.summary(entry.score.metric, rows)
    stored = json.loads((store.path(entry.score) / "score.json").read_text(encoding="utf-8"))["metrics"]
    if again != stored:
        name, digest = next(iter(again)), entry.score.digest[:12]
        message = f"{entry.file}: {name} is {again[name]}, the stored score {digest} has {stored[name]}"
        raise IntegrityError(message)
    return Checked(entry, len(right), again)
