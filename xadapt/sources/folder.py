"""Rows of a local folder, laid out `<dataset>/<config>/<split>.jsonl`."""

import json
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xadapt.errors import DataError
from xadapt.workflow.record import file_sha256

if TYPE_CHECKING:
    from xadapt.sources.origin import Folder


def file(folder: Path, name: str) -> Path:
    """The file of `name`; raises DataError for a missing folder, or a missing file with the nearest there."""
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


def rows(found: "Folder", folder: Path | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each row with its `file:line`. Raises DataError for a file that is not the one planned with."""
    if folder is None:
        raise DataError(f"{found.name}.jsonl lies in a local folder", "give it with --data DIR")
    path = file(folder, found.name)
    if file_sha256(path) != found.sha256:
        raise DataError(f"{path}: changed since the run was planned", "run again")
    return _lines(path)


def _lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
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
