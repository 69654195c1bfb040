"""A directory of finished stages, one folder per digest, each with a record of how it was made.

A folder appears by one rename, after its files and its record are on disk; whatever was killed on
the way is scratch that the next run removes. Two processes on one store never do harm: the lock only
saves double work, the rename is what keeps the store right.
"""

import errno
import fcntl
import json
import os
import shutil
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from xadapt.errors import DoesNotFit, IntegrityError, UnknownName, Unwritable, XadaptError
from xadapt.workflow import record as records
from xadapt.workflow.digest import canonical
from xadapt.workflow.disk import writable
from xadapt.workflow.record import Record
from xadapt.workflow.stage import Stage

TAKEN = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
"""How systems say that another process holds a lock; any other number means that there are none."""


@dataclass
class Writing:
    """A stage being written: its scratch folder, and facts for the record's notes."""

    out: Path
    notes: dict[str, Any] = field(default_factory=dict)


class Store:
    """`root` holds `<2 hex>/<digest>/`, and beside them folders whose names start with a dot."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._checked: set[str] = set()

    def prepare(self) -> None:
        """Make the root, before anything is computed that could not be kept. Raises Unwritable."""
        try:
            with writable(self.root):
                self.root.mkdir(parents=True, exist_ok=True)
                tempfile.TemporaryFile(dir=self.root).close()
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            message = f"cannot keep a store at {self.root}: {reason}"
            raise Unwritable(message, "choose another --store") from error

    def folder(self, digest: str) -> Path:
        return self.root / f"{digest[:2]}/{digest}"

    def __contains__(self, stage: Stage) -> bool:
        return (self.folder(stage.digest) / records.NAME).exists()

    def path(self, stage: Stage) -> Path:
        """The folder of a finished stage, its files checked once per process.

        Raises UnknownName when it is not there, IntegrityError when a file is not what was written.
        """
        folder = self.folder(stage.digest)
        if stage not in self:
            raise UnknownName(f"{stage.kind} {stage.digest[:12]} is not in the store {self.root}")
        if stage.digest not in self._checked:
            Record.read(folder).check(folder)
            self._checked.add(stage.digest)
        return folder

    def check(self, stage: Stage, largest: float) -> None:
        """Check a finished stage, its files above `largest` bytes by their size alone.

        Raises IntegrityError when a file is not what was written.
        """
        folder = self.folder(stage.digest)
        Record.read(folder).check(folder, largest)

    def record(self, prefix: str) -> Record:
        """The record whose digest starts with `prefix`; UnknownName unless exactly one does."""
        if len(prefix) < 4 or set(prefix) - set("0123456789abcdef"):
            raise UnknownName(f"{prefix!r} is no digest: write 4 or more of its digits, 0-9 and a-f")
        if not self.root.is_dir():
            raise UnknownName(f"{self.root}: no such store", "give it with --store")
        found = sorted(self.root.glob(f"{prefix[:2]}/{prefix}*/{records.NAME}"))
        if len(found) != 1:
            several = f"{len(found)} digests start with" if found else "no digest starts with"
            raise UnknownName(f"{several} {prefix!r} in the store {self.root}")
        return Record.read(found[0].parent)

    def digests(self) -> Iterator[str]:
        """Every finished digest, sorted."""
        # Not what a killed run left with a record in it, whose name starts with a dot.
        for path in sorted(self.root.glob(f"[0-9a-f][0-9a-f]/[0-9a-f]*/{records.NAME}")):
            yield path.parent.name

    @contextmanager
    def writing(self, stage: Stage) -> Iterator[Writing]:
        """Give a scratch folder; on success, make it the stage's folder in one rename."""
        final = self.folder(stage.digest)
        started = time.monotonic()
        with writable(self.root):
            final.parent.mkdir(parents=True, exist_ok=True)
            scratch = Path(tempfile.mkdtemp(dir=final.parent, prefix=f".writing-{stage.digest[:12]}-"))
            try:
                work = Writing(scratch)
                yield work
                self._finish(stage, work, time.monotonic() - started)
                self.settle(scratch, stage.digest)
                self.failure_file(stage.digest).unlink(missing_ok=True)
                shutil.rmtree(self.progress(stage.digest), ignore_errors=True)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)

    def _finish(self, stage: Stage, work: Writing, seconds: float) -> None:
        names = records.file_names(work.out)
        for name in names:
            _sync(work.out / name)
        Record(
            digest=stage.digest,
            kind=stage.kind,
            version=stage.version,
            fields=canonical(stage.fields),
            inputs={digest: needed.kind for digest, needed in sorted(stage.inputs.items())},
            files={name: records.file_sha256(work.out / name) for name in names},
            command=records.command(),
            commit=records.commit(),
            packages=dict(records.package_versions()),
            machine=records.machine(),
            seconds=round(seconds, 3),
            notes=work.notes,
            sizes={name: (work.out / name).stat().st_size for name in names},
        ).write(work.out)
        _sync(work.out)

    def progress(self, digest: str) -> Path:
        """Where an unfinished stage keeps its checkpoints."""
        return self.root / ".progress" / digest

    def quarantine(self, digest: str, wrong: Callable[[], bool] = lambda: True) -> Path | None:
        """Move a folder that failed its check aside, so that it is made again; return where it went.

        None where another run is at it, or was: then it is gone, or no longer `wrong`.
        """
        with self.lock(digest) as mine:
            self._checked.discard(digest)
            return self._set_aside(digest) if mine and wrong() else None

    def _set_aside(self, digest: str) -> Path | None:
        aside = self.root / ".quarantine" / f"{digest}-{time.time_ns()}"
        aside.parent.mkdir(parents=True, exist_ok=True)
        try:
            return self.folder(digest).replace(aside)
        except FileNotFoundError:
            return None

    def settle(self, scratch: Path, digest: str) -> None:
        """Give the finished scratch folder its name, unless another process was first."""
        final = self.folder(digest)
        if final.exists() and not (final / records.NAME).exists():
            # Not ours: a folder gets its name with its record inside, so someone has been at it.
            self._set_aside(digest)
        try:
            scratch.replace(final)
        except OSError as error:
            # Another process finished the same stage first: its result stands, ours is scratch.
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or not (final / records.NAME).exists():
                raise
        _sync(final.parent)

    def failure_file(self, digest: str) -> Path:
        return self.root / ".failed" / f"{digest}.json"

    def note_failure(self, stage: Stage, error: BaseException) -> None:
        """Remember why a stage has no result, for the report; a later success removes it."""
        path = self.failure_file(stage.digest)
        code = error.code if isinstance(error, XadaptError) else 1
        facts = {"kind": stage.kind, "title": stage.title(), "error": described(error), "code": code}
        if not isinstance(error, XadaptError) or (isinstance(error, DoesNotFit) and error.__cause__):
            facts["traceback"] = "".join(traceback.format_exception(error))
        with writable(self.root):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, json.dumps(facts, ensure_ascii=False) + "\n")

    def failure(self, digest: str) -> dict[str, Any] | None:
        try:
            return dict(json.loads(self.failure_file(digest).read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return None

    @contextmanager
    def lock(self, digest: str) -> Iterator[bool]:
        """Whether this process may work on `digest`; a lock dies with its process, so none goes stale.

        Raises Unwritable where the file system has no locks.
        """
        with writable(self.root):
            path = self.root / ".locks" / digest
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("w") as file:
                yield _locked(file, self.root)

    def sweep(self) -> None:
        """Remove what killed runs left; a folder of a live run is younger than a day or locked."""
        for path in self.root.glob("[0-9a-f][0-9a-f]/.writing-*"):
            digest_start = path.name.split("-")[1]
            locks = list((self.root / ".locks").glob(f"{digest_start}*"))
            with self.lock(locks[0].name) if locks else _free() as mine:
                if mine:
                    shutil.rmtree(path, ignore_errors=True)

    def verify(self) -> Iterator[tuple[str, IntegrityError | None]]:
        """Every finished folder with what is wrong with it, if anything."""
        for digest in self.digests():
            folder = self.folder(digest)
            try:
                Record.read(folder).check(folder)
                yield digest, None
            except IntegrityError as error:
                yield digest, error


def _locked(file: IO[str], root: Path) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in TAKEN:
            return False
        reason = os.strerror(error.errno or 0)
        message = f"cannot lock files in {root}: {reason}"
        raise Unwritable(message, "choose a --store on a file system with locks (flock)") from error
    return True


@contextmanager
def _free() -> Iterator[bool]:
    yield True


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomically(path: Path, text: str) -> None:
    """Replace `path` by `text` in one rename, so that a reader sees the old or the new, never a part."""
    part = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def described(error: BaseException) -> str:
    """One line: our own messages as they are, anything else with its type."""
    text = (str(error).splitlines() or [""])[0]
    if isinstance(error, XadaptError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
