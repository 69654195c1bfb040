"""A folder by its URL, through `fsspec`: `file:///lab/modules`, and with their packages s3:// and others.

What is written appears at its end: an object of s3:// once all of it is there, the records last. A folder of
this machine is a `Local`. A reader who comes between finds files that are not those of a record, and refuses
them.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from xadapt.errors import ConfigError, DataError, Unwritable, WrongEnvironment, XadaptError
from xadapt.hub.address import Address
from xadapt.hub.faults import RUN_AGAIN
from xadapt.hub.remote import Held, Source, sha256
from xadapt.workflow import record as records

PIECE = 2**20
"""Bytes that are copied at once."""
SMALL = 2**20
"""Bytes up to which a file is read to compare it; of larger ones their record says the content."""
HINTS = {
    "NoCredentialsError": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    "EndpointConnectionError": RUN_AGAIN,
    "ConnectTimeoutError": RUN_AGAIN,
}
"""What to do, by the name of an exception of botocore."""


class Folder:
    """A `Remote` without revisions."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._system, root = _system(f"file://{address.folder}" if address.folder else address.path)
        self._root = root.rstrip("/")

    @property
    def at(self) -> str:
        return self.address.path

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def prepare(self, private: bool) -> None:
        """Raises ConfigError for what a folder cannot be."""
        if private:
            raise ConfigError(f"--private: who may read {self.address.path} is up to its owner")
        with faults(self.at):
            if self._in_bucket:
                self._check_bucket()
            else:
                self._system.makedirs(self._root, exist_ok=True)

    @property
    def _in_bucket(self) -> bool:
        """Whether there are names of objects alone: to make a folder would be to make a bucket."""
        return "s3" in self._system.protocol

    def _check_bucket(self) -> None:
        """Raises DataError: a bucket that was mistyped is not one to be made."""
        name = self._root.partition("/")[0]
        try:
            self._system.call_s3("head_bucket", Bucket=name)
        except FileNotFoundError as error:
            raise DataError(f"{self.at}: there is no bucket {name!r}", "its owner makes it") from error

    def files(self) -> dict[str, Held]:
        with faults(self.at):
            self._system.invalidate_cache()
            if self._in_bucket:
                self._check_bucket()
            there = self._system.find(self._root, detail=True)
            start = f"{self._root}/"
            return {path.removeprefix(start): self._held(path, facts) for path, facts in there.items()}

    def _held(self, path: str, facts: Mapping[str, Any]) -> Held:
        size = int(facts["size"])
        return Held(size, sha256(self._system.cat_file(path)) if size <= SMALL else "")

    def commit(self, add: Mapping[str, Source], gone: Collection[str], message: str) -> None:
        with faults(self.at):
            with self._system.transaction:
                for name in sorted(add, key=last):
                    self._write(name, add[name])
            for name in sorted(gone):
                self._system.rm_file(self._path(name))

    def _write(self, name: str, source: Source) -> None:
        path = self._path(name)
        if not self._in_bucket:
            self._system.makedirs(path.rpartition("/")[0], exist_ok=True)
        with self._system.open(path, "wb") as file:
            if isinstance(source, bytes):
                file.write(source)
                return
            with source.open("rb") as content:
                while piece := content.read(PIECE):
                    file.write(piece)

    def fetch(self, paths: Collection[str], folder: Path) -> None:
        with faults(self.at):
            for name in paths:
                place = folder / name
                place.parent.mkdir(parents=True, exist_ok=True)
                self._system.get_file(self._path(name), str(place))


def last(name: str) -> tuple[bool, str]:
    """Sorts files so that records are the last."""
    return name.rpartition("/")[2] == records.NAME, name


def _system(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it."""
    from fsspec.core import url_to_fs

    try:
        # Of its own: what a transaction that failed leaves is not found by the next one.
        system, root = url_to_fs(url, skip_instance_cache=True)
    except ImportError as error:
        scheme = url.partition("://")[0]
        hint = "pip install 'xadapt[s3]'" if scheme == "s3" else str(error).splitlines()[0]
        raise WrongEnvironment(f"{url}: {scheme}:// needs a package that is not installed", hint) from error
    except ValueError as error:
        raise ConfigError(f"{url}: {str(error).splitlines()[0]}") from error
    return system, str(root)


@contextmanager
def faults(at: str) -> Iterator[None]:
    """Raises Unwritable for what may not be written, DataError for what is not there or has no answer."""
    try:
        yield
    except XadaptError:
        raise
    except FileNotFoundError as error:
        raise DataError(f"{at}: no such folder or file") from error
    except (PermissionError, NotADirectoryError) as error:
        raise Unwritable(f"{at}: {error.strerror or 'no permission'}") from error
    except Exception as error:
        # Each kind of file system has exceptions of its own, of packages that may not be installed.
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{at}: {said}", HINTS.get(type(error).__name__, "")) from error
