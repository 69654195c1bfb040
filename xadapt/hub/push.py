"""Modules -> a repository or a folder, in one commit."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from xadapt.errors import ConfigError, IntegrityError
from xadapt.hub.bundle import CARD, MODULES, PARTS, Bundle
from xadapt.hub.remote import Held, Remote
from xadapt.workflow import record as records


@dataclass(frozen=True)
class Pushed:
    """What a push has done; `same` files were there already."""

    at: str
    written: int
    same: int
    removed: int


def push(bundle: Bundle, remote: Remote, private: bool, message: str) -> Pushed:
    """Publish one module in place of the one that is there: in one commit, all or nothing.

    Raises ConfigError where a whole experiment is there, and what `faults.clear` raises.
    """
    remote.prepare(private)
    there = remote.files()
    if any(path.startswith(f"{MODULES}/") for path in there):
        hint = "push a single module to a repository of its own"
        raise ConfigError(f"{remote.at} holds a whole experiment", hint)
    files = bundle.files()
    add = {path: source for path, source in files.items() if path not in there or not there[path].is_(source)}
    gone = _before(there, remote) - files.keys()
    if add or gone:
        remote.commit(add, gone, message)
    return Pushed(remote.at, len(add), len(files) - len(add), len(gone))


def _before(there: Mapping[str, Held], remote: Remote) -> set[str]:
    """The files of the module that is there: what else lies in a repository is its owner's."""
    found = {path for path in there if path.startswith(f"{PARTS}/")}
    if records.NAME in there:
        with tempfile.TemporaryDirectory() as folder:
            remote.fetch([records.NAME], Path(folder))
            try:
                names = json.loads((Path(folder) / records.NAME).read_text(encoding="utf-8"))["files"]
                found |= {records.NAME, *names} & there.keys()
            except (ValueError, KeyError, TypeError) as error:
                raise IntegrityError(
                    f"{remote.at}/{records.NAME}: not a readable record ({error})"
                ) from error
    return found - {CARD}
