"""A repository or a folder -> finished stages of a store, each verified, under its own digest."""

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from xadapt.errors import IntegrityError, UnknownName
from xadapt.hub.bundle import BELOW
from xadapt.hub.modules import check_shared
from xadapt.hub.remote import Held, Remote
from xadapt.workflow import record as records
from xadapt.workflow.record import Record
from xadapt.workflow.store import Store

KINDS = (*BELOW, "predict", "baseline", "score")
"""Of stages that are shared: data are not."""


@dataclass(frozen=True)
class Pulled:
    """A stage that is in the store now."""

    record: Record
    path: str
    """Of its folder on the other side."""
    folder: Path
    new: bool


def pull(remote: Remote, store: Store) -> list[Pulled]:
    """Every stage of the other side, in the store. Nothing of it is kept unless all of it is right.

    Raises IntegrityError naming the file for anything but the bytes that a sealed record tells, UnknownName
    where there is no record, and what `faults.clear` raises.
    """
    there = remote.files()
    places = sorted(path for path in there if PurePosixPath(path).name == records.NAME)
    if not places:
        raise UnknownName(f"{remote.at}: holds no record of xadapt")
    store.prepare()
    scratch = store.root / ".pulling" / re.sub(r"[^\w.@-]+", "-", remote.at)
    try:
        stages = _fetched(remote, there, places, store, scratch)
    except IntegrityError:
        # What is wrong is not to be found again by the next try.
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    found = [_settled(each, store, scratch) for each in stages]
    shutil.rmtree(scratch, ignore_errors=True)
    return found


@dataclass(frozen=True)
class _Stage:
    """A stage on its way: `start` is its folder on the other side, with a slash, or empty for the root."""

    start: str
    record: Record
    here: bool


def _fetched(
    remote: Remote, there: Mapping[str, Held], places: list[str], store: Store, scratch: Path
) -> list[_Stage]:
    """All stages, those that are not in the store downloaded and checked, by digest below `scratch`."""
    remote.fetch(places, scratch / "files")
    read = [_read(remote, path, store, scratch) for path in places]
    stages = list({each.record.digest: each for each in read}.values())
    wanted = [each for each in stages if not each.here]
    for each in wanted:
        for name in each.record.files:
            if each.start + name not in there:
                raise IntegrityError(f"{remote.at}/{each.start}{name}: missing")
    paths = [each.start + name for each in wanted for name in each.record.files]
    remote.fetch(paths, scratch / "files")
    for each in wanted:
        _lay_out(each, remote, scratch)
    return stages


def _read(remote: Remote, path: str, store: Store, scratch: Path) -> _Stage:
    """The record at `path`, by itself in the folder that its stage will be."""
    at = f"{remote.at}/{path}"
    raw = (scratch / "files" / path).read_bytes()
    facts = _facts(raw, at)
    folder = scratch / facts["digest"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / records.NAME).write_bytes(raw)
    record = _named(at, folder / records.NAME, lambda: Record.read(folder))
    _named(at.removesuffix(f"/{records.NAME}"), folder, lambda: check_shared(record, folder))
    return _Stage(path.removesuffix(records.NAME), record, _is_here(record, store))


def _facts(raw: bytes, at: str) -> Any:
    """What is read before the record is known to be one: it says paths, so it must not lead elsewhere."""
    try:
        facts = json.loads(raw)
        names, digest, kind = list(facts["files"]), str(facts["digest"]), facts["kind"]
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"{at}: not a readable record ({error})") from error
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise IntegrityError(f"{at}: digest = {digest[:80]!r} is not 64 hex digits")
    if kind not in KINDS:
        raise IntegrityError(f"{at}: kind = {kind!r}; shared are {', '.join(KINDS)}")
    for name in names:
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or ".." in parts or "\\" in name:
            raise IntegrityError(f"{at}: file {name!r} does not lie below it")
    return facts


def _named(at: str, place: Path, ask: Any) -> Any:
    """What `ask` gives; an error about `place` names what lies there on the other side."""
    try:
        return ask()
    except IntegrityError as error:
        raise IntegrityError(error.message.replace(str(place), at), error.hint, error.digest) from error


def _is_here(record: Record, store: Store) -> bool:
    """Whether the store has the stage, whole."""
    folder = store.folder(record.digest)
    if not (folder / records.NAME).is_file():
        return False
    try:
        Record.read(folder).check(folder)
    except IntegrityError:
        store.quarantine(record.digest)
        return False
    return True


def _lay_out(stage: _Stage, remote: Remote, scratch: Path) -> None:
    """Move the files of a stage to its own folder, and check them."""
    folder = scratch / stage.record.digest
    for name in stage.record.files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (scratch / "files" / (stage.start + name)).replace(folder / name)
    at = f"{remote.at}/{stage.start}".rstrip("/")
    _named(at, folder, lambda: stage.record.check(folder))


def _settled(stage: _Stage, store: Store, scratch: Path) -> Pulled:
    digest = stage.record.digest
    final = store.folder(digest)
    if not stage.here:
        final.parent.mkdir(parents=True, exist_ok=True)
        store.settle(scratch / digest, digest)
        store.failure_file(digest).unlink(missing_ok=True)
    return Pulled(stage.record, stage.start.rstrip("/"), final, not stage.here)
