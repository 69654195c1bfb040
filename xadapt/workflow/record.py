"""What a finished folder says about itself: enough to explain it, check it and make it again."""

import dataclasses
import errno
import hashlib
import json
import math
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from xadapt.errors import IntegrityError
from xadapt.workflow.digest import digest_of_json

NAME = "record.json"
TABLES = ("fields", "inputs", "files", "packages", "machine", "notes", "sizes")
"""Fields of a record that others look names up in."""
SHORT = (errno.ENOMEM, errno.EMFILE, errno.ENFILE)
"""What the system is short of is no fault of the file that it could not open."""
PACKAGES = ("xadapt", "torch", "transformers", "adapters", "peft", "datasets", "accelerate", "tokenizers")


@dataclass(frozen=True, kw_only=True)
class Record:
    """`fields` in canonical form, so that hashing them again gives `digest`.

    The seal, a digest of all else that is written, finds accidents and careless edits. It holds off no one
    who seals again: a number that was typed in is found by scoring the predictions again.
    """

    schema: int = 1
    digest: str
    kind: str
    version: int
    fields: dict[str, Any]
    inputs: dict[str, str]
    files: dict[str, str]
    command: list[str]
    commit: str | None
    packages: dict[str, str]
    machine: dict[str, Any]
    seconds: float
    notes: dict[str, Any]
    """Facts the stage found while running: device, peak memory, companions, counts of rows."""
    sizes: dict[str, int] = field(default_factory=dict)
    """Bytes of each of `files`; older records do not say them."""
    seal: str = ""
    """Filled in when written; empty in older records."""

    @classmethod
    def read(cls, folder: Path) -> "Record":
        """Raises IntegrityError for what is no record, or whose fields or seal are not those written."""
        path = folder / NAME
        try:
            record = cls(**json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError, OSError) as error:
            if isinstance(error, OSError) and error.errno in SHORT:
                raise
            raise IntegrityError(f"{path}: not a readable record ({error})", digest=folder.name) from error
        if odd := [name for name in TABLES if not isinstance(getattr(record, name), dict)]:
            raise IntegrityError(f"{path}: not a readable record ({odd[0]} is no table)", digest=folder.name)
        try:
            record._compare(path)
        except ValueError as error:
            # JSON may hold what has no digest: NaN, half of a surrogate pair.
            raise IntegrityError(f"{path}: not a readable record ({error})", digest=folder.name) from error
        return record

    def _compare(self, path: Path) -> None:
        name = path.parent.name
        again = digest_of_json({"kind": self.kind, "version": self.version, "fields": self.fields})
        if not again == self.digest == name:
            raise IntegrityError(f"{path}: its fields give {again[:12]}, not {name[:12]}", digest=name)
        if self.seal and self.seal != _seal(vars(self)):
            raise IntegrityError(f"{path}: changed since it was written", digest=name)

    def write(self, folder: Path) -> None:
        """Seal it and write it."""
        facts = json.loads(json.dumps(dataclasses.asdict(self)))
        facts["seal"] = _seal(facts)
        text = json.dumps(facts, indent=2, ensure_ascii=False, allow_nan=False)
        with (folder / NAME).open("w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())

    def check(self, folder: Path, largest: float = math.inf) -> None:
        """Raise IntegrityError when a file is missing, extra, unreadable or not the bytes that were written.

        Of files above `largest` bytes the size alone is compared.
        """
        try:
            self._check(folder, largest)
        except OSError as error:
            if error.errno in SHORT:
                raise
            # Another run may have moved it aside in the meantime.
            message = f"{error.filename or folder}: {error.strerror or error}"
            raise IntegrityError(message, digest=self.digest) from error

    def _check(self, folder: Path, largest: float) -> None:
        there = {name for name in file_names(folder) if name != NAME}
        if odd := sorted(there ^ set(self.files)):
            what = "missing" if odd[0] in self.files else "not in the record"
            raise IntegrityError(f"{folder / odd[0]}: {what}", digest=self.digest)
        for name, sha256 in self.files.items():
            size = (folder / name).stat().st_size
            same = size == self.sizes.get(name, size)
            if not same or (size <= largest and file_sha256(folder / name) != sha256):
                raise IntegrityError(f"{folder / name}: changed since it was written", digest=self.digest)


def _seal(written: Mapping[str, Any]) -> str:
    """What the seal of a record has to be, from its fields as JSON gives them back."""
    return digest_of_json({name: value for name, value in written.items() if name != "seal"})


def file_names(folder: Path) -> list[str]:
    """Every file below `folder`, as sorted relative POSIX names."""
    return sorted(_files(folder))


def _files(folder: str | Path, before: str = "") -> Iterator[str]:
    # Path.rglob takes several times as long, and a store has a folder for each of thousands of stages.
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(entry.path, f"{before}{entry.name}/")
            elif _is_file(entry):
                yield before + entry.name


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        # A link that leads to itself, or where no one may look.
        return False


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def package_versions() -> Mapping[str, str]:
    """Versions of the packages that can change a number, without importing them."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


@cache
def commit() -> str | None:
    """The commit of the source that is running, with `+` when it has local changes; None outside git."""
    head = _git("rev-parse", "HEAD")
    return None if head is None else head + ("+" if _git("status", "--porcelain", "-uno") else "")


def _git(*words: str) -> str | None:
    line = ["git", "-C", str(Path(__file__).parent), *words]
    try:
        done = subprocess.run(line, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return None if done.returncode else done.stdout.strip()


def machine() -> dict[str, Any]:
    return {"system": platform.system(), "processor": platform.machine(), "python": platform.python_version()}


def command() -> list[str]:
    """The command line as typed, the program by name alone: a path says where, not what."""
    return [Path(sys.argv[0]).name, *sys.argv[1:]]
