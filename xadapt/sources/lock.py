"""The lock file beside an experiment: what the names of hub repositories stood for when they were fetched.

`demo.toml` has `demo.lock`, strict TOML that `xadapt fetch` writes and its user commits. A revision in it is
never looked up again; to move to a newer one, remove its table and fetch.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from xadapt import toml
from xadapt.errors import ConfigError
from xadapt.workflow.store import write_atomically

HEAD = (
    "# Written by `xadapt fetch`: the revisions and files of the hub that this experiment reads. Commit it.\n"
)
MAIN = "main"


class File(NamedTuple):
    """One file of a hub repository at one revision."""

    name: str
    sha256: str
    size: int
    """Bytes."""


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a file holds."""

    sha256: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Split:
    """The data files of one split, and the class names that the card gives: column -> names."""

    files: dict[str, Content]
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A dataset repository at its revision; splits go by `split_key`."""

    revision: str
    split: dict[str, Split] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model repository at its revision, with the files that are loaded."""

    revision: str
    files: dict[str, Content]


@dataclass(frozen=True, kw_only=True)
class Lock:
    """Repositories go by `repository_key`."""

    dataset: dict[str, Dataset] = field(default_factory=dict)
    model: dict[str, Model] = field(default_factory=dict)

    def with_split(self, repository: str, revision: str, key: str, split: Split) -> "Lock":
        before = self.dataset.get(repository, Dataset(revision=revision))
        after = replace(before, split={**before.split, key: split})
        return replace(self, dataset={**self.dataset, repository: after})

    def with_model(self, repository: str, model: Model) -> "Lock":
        return replace(self, model={**self.model, repository: model})


def repository_key(path: str, revision: str) -> str:
    """A repository as the tasks name it: by path alone when it is read at its main branch."""
    return path if revision == MAIN else f"{path}@{revision}"


def split_key(config: str, split: str, pattern: str) -> str:
    """`<config>/<split>`, and the pattern of the files where the task gives one."""
    return f"{config}/{split} {pattern}".rstrip()


def files(contents: Mapping[str, Content]) -> tuple[File, ...]:
    """In the order in which they are read."""
    return tuple(File(name, known.sha256, known.size) for name, known in sorted(contents.items()))


def beside(experiment: str) -> Path:
    """The lock file of an experiment: beside its file, for a shipped one in the current folder."""
    path = Path(experiment)
    return path.with_suffix(".lock") if path.is_file() else Path(f"{experiment}.lock")


def read(path: Path) -> Lock:
    """The lock, empty without a file. Raises ConfigError, with the line where one is wrong, for no lock."""
    if not path.is_file():
        return Lock()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    document = toml.parse(data, path.name)
    found = toml.build(document, Lock)
    for keys, value, digits in _hashes(found):
        if not re.fullmatch(f"[0-9a-f]{{{digits}}}", value):
            raise ConfigError(f"{document.at(*keys)}: {value[:80]!r} is not {digits} hex digits")
    return found


def _hashes(lock: Lock) -> Iterator[tuple[tuple[str, ...], str, int]]:
    """Each revision and each SHA-256, with its place and its length."""
    for name, data in lock.dataset.items():
        yield ("dataset", name, "revision"), data.revision, 40
        for key, split in data.split.items():
            for file, known in split.files.items():
                yield ("dataset", name, "split", key, "files", file), known.sha256, 64
    for name, model in lock.model.items():
        yield ("model", name, "revision"), model.revision, 40
        for file, known in model.files.items():
            yield ("model", name, "files", file), known.sha256, 64


def write(lock: Lock, path: Path) -> None:
    """Replace the file. Raises ConfigError where it cannot be written."""
    try:
        write_atomically(path, text(lock))
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error


def text(lock: Lock) -> str:
    """Sorted, one file a line, so that a change is a small diff."""
    lines = [HEAD]
    for name, data in sorted(lock.dataset.items()):
        table = f"dataset.{_quoted(name)}"
        lines.append(f"\n[{table}]\nrevision = {_quoted(data.revision)}\n")
        for key, split in sorted(data.split.items()):
            lines += _files(f"{table}.split.{_quoted(key)}", split.files)
            if split.names:
                lines.append(f"\n[{table}.split.{_quoted(key)}.names]\n")
            for column, names in sorted(split.names.items()):
                lines.append(f"{_quoted(column)} = [{', '.join(map(_quoted, names))}]\n")
    for name, model in sorted(lock.model.items()):
        table = f"model.{_quoted(name)}"
        lines.append(f"\n[{table}]\nrevision = {_quoted(model.revision)}\n")
        lines += _files(table, model.files)
    return "".join(lines)


def _files(table: str, contents: Mapping[str, Content]) -> Iterator[str]:
    yield f"\n[{table}.files]\n"
    for name, sha256, size in files(contents):
        yield f"{_quoted(name)} = {{ sha256 = {_quoted(sha256)}, size = {size} }}\n"


def _quoted(value: str) -> str:
    # A JSON string is a TOML string, but for a DEL character that TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
