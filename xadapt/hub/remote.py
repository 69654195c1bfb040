"""The other side, as a tree of files: read at one state, changed by one commit."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from xadapt.hub.address import Address
from xadapt.hub.faults import Say
from xadapt.workflow.record import file_sha256

Source = Path | bytes
"""What a file is to hold."""


@dataclass(frozen=True)
class Held:
    """What is known of a file on the other side; of its hashes one at most."""

    size: int
    sha256: str = ""
    git: str = ""
    """SHA-1 of the git blob, which is all that the hub knows of its small files."""

    def is_(self, source: Source) -> bool:
        """Whether it is these bytes; by their number alone where no hash is known."""
        if self.size != size(source):
            return False
        if self.sha256:
            return self.sha256 == sha256(source)
        return not self.git or self.git == _git(source)


def size(source: Source) -> int:
    return len(source) if isinstance(source, bytes) else source.stat().st_size


def sha256(source: Source) -> str:
    return hashlib.sha256(source).hexdigest() if isinstance(source, bytes) else file_sha256(source)


def _git(source: Source) -> str:
    content = source if isinstance(source, bytes) else source.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Remote(Protocol):
    """Files by POSIX path. Each call raises what `faults.clear` raises."""

    @property
    def at(self) -> str:
        """Where it is, with the state that is read."""

    def prepare(self, private: bool) -> None:
        """Make it, where it is not there."""

    def files(self) -> dict[str, Held]:
        """What it holds; the state that later calls mean."""

    def commit(self, add: Mapping[str, Source], gone: Collection[str], message: str) -> None:
        """Write and remove these files, all of them or none."""

    def fetch(self, paths: Collection[str], folder: Path) -> None:
        """Download these files to the same paths below `folder`; what is there already is not asked again."""


def at(address: Address, say: Say) -> Remote:
    """Raises WrongEnvironment for a kind of folder whose package is not installed."""
    if address.on_hub:
        from xadapt.hub.repository import Repository

        return Repository(address, say)
    if address.folder:
        from xadapt.hub.local import Local

        return Local(address)
    from xadapt.hub.folder import Folder

    return Folder(address)
