"""Rows of a local folder, laid out `<dataset>/<config>/<split>` with one of the suffixes that can be read."""

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from xadapt.errors import DataError, nearest
from xadapt.sources import readers
from xadapt.workflow.record import file_sha256

if TYPE_CHECKING:
    from xadapt.sources.origin import Folder, Own


def file(folder: Path, name: str) -> Path:
    """The file of `name`. Raises DataError for a missing folder, no file (with the nearest), or several."""
    if not folder.is_dir():
        raise DataError(
            f"{folder}: no such folder", "give the folder that holds the datasets with --data DIR"
        )
    found = [path for suffix in readers.SUFFIXES if (path := folder / f"{name}{suffix}").is_file()]
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        raise DataError(f"{found[0].parent}: both {names} are there", "keep the one that is to be read")
    if not found:
        path = folder / f"{name}{readers.SUFFIXES[0]}"
        there = [p.relative_to(folder).as_posix() for p in folder.glob("*/*/*") if readers.suffix(p.name)]
        close = get_close_matches(f"{name}{readers.SUFFIXES[0]}", there, n=1, cutoff=0.5)
        raise DataError(f"{path}: no such file" + (f"; the nearest there is {close[0]!r}" if close else ""))
    return found[0]


def configs(folder: Path, dataset: str, split: str) -> list[str]:
    """The configs of a dataset that have this split, sorted."""
    found = (folder / dataset).glob(f"*/{split}.*")
    return sorted({path.parent.name for path in found if path.name == split + readers.suffix(path.name)})


def has(folder: Path, name: str) -> bool:
    """Whether the folder has a file of this name, in any format."""
    return any((folder / f"{name}{suffix}").is_file() for suffix in readers.SUFFIXES)


def rows(found: "Folder", folder: Path | None) -> readers.Rows:
    """Each row with its `file:line`. Raises DataError for a file that is not the one planned with."""
    if folder is None:
        raise DataError(f"{found.name}{found.suffix} lies in a local folder", "give it with --data DIR")
    return _unchanged(file(folder, found.name), found.sha256)


def own(found: "Own") -> readers.Rows:
    """The same of a file that lies anywhere."""
    return _unchanged(existing(Path(found.path)), found.sha256)


def existing(path: Path, at: str = "") -> Path:
    """`path` when it is a file. Raises DataError, `at` first, with the nearest file of its folder."""
    if path.is_file():
        return path
    if path.is_dir():
        raise DataError(f"{at and f'{at}: '}{path}: is a folder; name the file in it")
    near = [each.name for each in path.parent.glob("*") if readers.suffix(each.name)]
    raise DataError(f"{at and f'{at}: '}{path}: no such file{nearest(path.name, near)}")


def _unchanged(path: Path, sha256: str) -> readers.Rows:
    if file_sha256(path) != sha256:
        raise DataError(f"{path}: changed since the run was planned", "run again")
    return readers.read(path, str(path), {})
