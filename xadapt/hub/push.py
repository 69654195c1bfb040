"""Modules -> a repository or a folder: one in one commit, an experiment in as few as there may be."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from xadapt.errors import ConfigError, IntegrityError, XadaptError
from xadapt.hub.bundle import CARD, MODULES, PARTS, Bundle
from xadapt.hub.faults import Overtaken, Say
from xadapt.hub.remote import Held, Remote, Source
from xadapt.workflow import record as records

AT_ONCE = 100
"""Stages of one commit: the hub limits the commits of an hour, and the time that one may take."""


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
    add = _missing(files, there)
    gone = _before(there, remote) - files.keys()
    if add or gone:
        try:
            remote.commit(add, gone, message)
        except Overtaken as error:
            raise Overtaken(f"{error.message}; nothing was published", error.hint) from error
    return Pushed(remote.at, len(add), len(files) - len(add), len(gone))


def push_all(bundle: Bundle, remote: Remote, private: bool, message: str, say: Say) -> Pushed:
    """Publish an experiment beside what is there already: each stage whole or not at all, its card last.

    What is there with the same content is left alone, so that a push that was cut continues. Raises
    ConfigError where a single module is there, and what `faults.clear` raises.
    """
    remote.prepare(private)
    there = remote.files()
    if records.NAME in there:
        raise ConfigError(
            f"{remote.at} holds a single module", "push an experiment to a repository of its own"
        )
    left = {folder: _missing(dict(bundle.of(folder)), there) for folder in bundle.stages}
    left = {folder: files for folder, files in left.items() if files}
    groups = [list(left)[start : start + AT_ONCE] for start in range(0, len(left), AT_ONCE)]
    rest, done = _missing(bundle.more, there), len(bundle.stages) - len(left)
    try:
        for number, group in enumerate(groups, 1):
            files = {path: source for folder in group for path, source in left[folder].items()}
            remote.commit(files, (), f"{message} ({number} of {len(groups)})")
            done += len(group)
            say(f"{remote.at}: {done} of {len(bundle.stages)} stages")
        if rest:
            remote.commit(rest, (), message)
    except XadaptError as error:
        said = f"{error.message}; {done} of {len(bundle.stages)} stages are there"
        raise type(error)(said, error.hint) from error
    every = bundle.files()
    written = sum(map(len, left.values())) + len(rest)
    return Pushed(remote.at, written, len(every) - written, 0)


def _missing(files: Mapping[str, Source], there: Mapping[str, Held]) -> dict[str, Source]:
    return {
        path: source for path, source in files.items() if path not in there or not there[path].is_(source)
    }


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
