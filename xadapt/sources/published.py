"""A module that is there already, in AdapterHub's layout, in a folder or on the hub: known by its content."""

from dataclasses import dataclass, field
from pathlib import Path

from xadapt.errors import DataError, IntegrityError
from xadapt.recipe import WHERE
from xadapt.sources import cache
from xadapt.sources import lock as locks
from xadapt.sources.lock import File, Lock
from xadapt.workflow.digest import digest_of
from xadapt.workflow.record import file_sha256

FILES = ("adapter_config.json", "adapter.safetensors")
PICKLE = "pytorch_adapter.bin"
SAVE_SAFE = "load it with `adapters` and save it again with save_adapter(FOLDER, NAME, use_safetensors=True)"
"""What turns a pickle into what is read here."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """The same bytes have the same digest wherever they lie; what is not locked has that of its name."""

    files: tuple[File, ...]
    """None of a repository that is not locked."""
    name: str = ""
    """Hub id; empty for a folder."""
    revision: str = ""
    folder: str | None = field(default=None, metadata=WHERE)

    @property
    def on_hub(self) -> bool:
        return self.folder is None

    @property
    def digest(self) -> str:
        if not self.files:
            return digest_of({"name": self.name, "revision": self.revision})
        return digest_of({name: sha256 for name, sha256, _ in self.files})

    def place(self) -> Path:
        """The folder, its files checked. Raises DataError for none, IntegrityError for other bytes."""
        if self.folder is None:
            return cache.model_folder(self.name, self.revision, self.files)
        for file in self.files:
            path = Path(self.folder) / file.name
            if not path.is_file():
                raise DataError(f"{path}: no such file")
            if (found := file_sha256(path)) != file.sha256:
                raise IntegrityError(f"{path}: has SHA-256 {found[:12]}, planned was {file.sha256[:12]}")
        return Path(self.folder)


def local(folder: Path, at: str) -> Published:
    """The module of a folder. Raises DataError, `at` first, for a file that is not there."""
    found = []
    for name in FILES:
        path = folder / name
        if not path.is_file():
            pickle = (folder / PICKLE).is_file()
            why = f"; {PICKLE} is a pickle, which is never loaded" if pickle else ""
            raise DataError(f"{at}: {path}: no such file{why}", SAVE_SAFE if pickle else "")
        found.append(File(path.name, file_sha256(path), path.stat().st_size))
    return Published(files=tuple(found), folder=str(folder))


def hosted(name: str, revision: str, lock: Lock) -> Published:
    """The module of a hub repository, as the lock knows it."""
    known = lock.model.get(locks.repository_key(name, revision))
    if known is None:
        return Published(files=(), name=name, revision=revision)
    return Published(files=locks.files(known.files), name=name, revision=known.revision)
