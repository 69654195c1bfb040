"""A folder of this machine, `file:///lab/modules`, or of a disk that a lab shares."""

import fcntl
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from xadapt.errors import ConfigError
from xadapt.hub.address import Address
from xadapt.hub.faults import RUN_AGAIN, Overtaken
from xadapt.hub.folder import Folder, faults, last
from xadapt.hub.remote import Held, Source

SCRATCH = ".pushing"
"""Folder in the folder itself: a rename within one file system is whole or has not been."""


class Local(Folder):
    """A `Folder` whose files are written inside of it, and get their names once all of them are there."""

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        self._folder = Path(address.folder)

    def prepare(self, private: bool) -> None:
        self._check_no_file()
        super().prepare(private)

    def files(self) -> dict[str, Held]:
        self._check_no_file()
        return {name: held for name, held in super().files().items() if not name.startswith(f"{SCRATCH}/")}

    def _check_no_file(self) -> None:
        with faults(self.at):
            for path in (self._folder, *self._folder.parents):
                if path.exists() and not path.is_dir():
                    raise ConfigError(f"{path}: is a file, no folder", "give another address")

    def commit(self, add: Mapping[str, Source], gone: Collection[str], message: str) -> None:
        with faults(self.at), self._alone() as scratch:
            for name, source in add.items():
                _write(scratch / name, source)
            for name in sorted(add, key=last):
                (self._folder / name).parent.mkdir(parents=True, exist_ok=True)
                (scratch / name).replace(self._folder / name)
            for name in gone:
                (self._folder / name).unlink(missing_ok=True)

    @contextmanager
    def _alone(self) -> Iterator[Path]:
        """A folder to write in, of one push at a time: what a killed one left goes."""
        scratch, held = self._folder / SCRATCH, os.open(self._folder, os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(held)
            raise Overtaken(f"{self.at}: someone else writes to it", RUN_AGAIN) from error
        try:
            shutil.rmtree(scratch, ignore_errors=True)
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
            os.close(held)


def _write(path: Path, source: Source) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        if isinstance(source, bytes):
            file.write(source)
        else:
            with source.open("rb") as content:
                shutil.copyfileobj(content, file)
        file.flush()
        os.fsync(file.fileno())
