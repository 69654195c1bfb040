"""A repository or a folder -> finished stages of a store, each verified, under its own digest."""

import json
import re
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import uuid4

from xadapt import kept
from xadapt.errors import IntegrityError
from xadapt.hub import again, carried
from xadapt.hub.bundle import BELOW, lacking
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


def stages(there: Mapping[str, Held]) -> list[str]:
    """The records among files: each stands for a stage."""
    return sorted(path for path in there if PurePosixPath(path).name == records.NAME)


def pull(remote: Remote, there: Mapping[str, Held], store: Store) -> tuple[list[Pulled], Path | None]:
    """Every stage among the files of the other side, in the store; nothing of it unless all of it is right.

    Also the file of the experiment that they came from, where it was pushed: it is kept as one run here.
    Raises IntegrityError naming the file for anything but the bytes that a sealed record tells, and what
    `faults.clear` raises.
    """
    places = stages(there)
    store.prepare()
    name = re.sub(r"[^\w.@-]+", "-", remote.at)
    # A pull that was cut continues in its own folder; beside another one of the same it needs one more.
    with store.lock(f"pulling-{name}") as mine:
        scratch = store.root / ".pulling" / (name if mine else f"{name}-{uuid4().hex[:8]}")
        return _pulled(remote, there, places, store, scratch)


def _pulled(
    remote: Remote, there: Mapping[str, Held], places: list[str], store: Store, scratch: Path
) -> tuple[list[Pulled], Path | None]:
    try:
        fetched = _fetched(remote, there, places, store, scratch)
    except IntegrityError:
        # What is wrong is not to be found again by the next try.
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    found = [_settled(each, store, scratch) for each in fetched]
    if carried.NAME in there:
        _keep_facts(scratch / "files" / carried.NAME, found, store)
    experiment = _experiment(scratch / "files", found, store) if again.NAME in there else None
    shutil.rmtree(scratch, ignore_errors=True)
    return found, experiment


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
    more = [name for name in (again.NAME, again.LOCK, carried.NAME) if name in there]
    remote.fetch([*places, *more], scratch / "files")
    for name in more:
        _check_text(scratch / "files" / name, f"{remote.at}/{name}")
    read = [_read(remote, path, store, scratch) for path in places]
    found = list({each.record.digest: each for each in read}.values())
    wanted = [each for each in found if not each.here]
    _check_parts(found, remote, store)
    for each in wanted:
        for name in each.record.files:
            if each.start + name not in there:
                raise IntegrityError(f"{remote.at}/{each.start}{name}: missing")
    paths = [each.start + name for each in wanted for name in each.record.files]
    remote.fetch(paths, scratch / "files")
    for each in wanted:
        _lay_out(each, remote, scratch)
    return found


def _check_text(path: Path, at: str) -> None:
    """Raise IntegrityError for what lies beside the stages and cannot be read."""
    raw = path.read_bytes()
    if path.name == carried.NAME:
        carried.read(raw, at)
        return
    try:
        tomllib.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise IntegrityError(f"{at}: not UTF-8 (byte {error.start + 1})") from error
    except tomllib.TOMLDecodeError as error:
        raise IntegrityError(f"{at}: not TOML ({error})") from error


def _check_parts(found: Sequence[_Stage], remote: Remote, store: Store) -> None:
    """Raise IntegrityError for a stage whose parts are neither among the others nor in the store."""
    known = {each.record.digest for each in found} | set(store.digests())
    for each in found:
        if lack := lacking(each.record, known):
            message = f"{lack[0]}, which is neither there nor in the store {store.root}"
            hint = f"pull {lack[1][:12]} first from where it is, or ask the owner to push the module again"
            raise IntegrityError(f"{remote.at}/{each.start}{records.NAME}: {message}", hint)


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


def _keep_facts(path: Path, found: Sequence[Pulled], store: Store) -> None:
    """What is told of the stages that came with it, and of no others."""
    stages = [each.record for each in found]
    data = {digest for each in stages for digest in each.inputs}
    told = carried.read(path.read_bytes(), str(path))
    carried.keep(told.of(data, {each.digest for each in stages}), store)


def _experiment(files: Path, found: Sequence[Pulled], store: Store) -> Path:
    lock = files / again.LOCK
    text = (files / again.NAME).read_text(encoding="utf-8")
    digests = [each.record.digest for each in found]
    return kept.adopt(text, lock.read_text(encoding="utf-8") if lock.is_file() else "", digests, store)
