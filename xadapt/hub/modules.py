"""The modules of a store, found by a digest or by what they are called, from their records alone."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from xadapt import composition as compositions
from xadapt.composition import Alone, Chain, Composition, Continue, Multitask, WithText
from xadapt.errors import ConfigError, IntegrityError, UnknownName, nearest
from xadapt.hub import carried
from xadapt.stages.train import slug
from xadapt.workflow.record import Record
from xadapt.workflow.store import Store

MAKERS = ("train", "mixture", "merged")
"""Kinds of stages that make modules."""
PICKLED = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")
"""Endings of files that run code when they are loaded: neither pushed nor pulled."""


@dataclass(frozen=True)
class Shelf:
    """A store, whose records are read once."""

    store: Store

    @cached_property
    def records(self) -> dict[str, Record]:
        """By digest; one that is not readable counts as gone, `xadapt verify` names it."""
        return {record.digest: record for record in map(self._readable, self.store.digests()) if record}

    @cached_property
    def told(self) -> carried.Facts:
        """What was pulled with modules, of stages that were not."""
        return carried.kept(self.store)

    def _readable(self, digest: str) -> Record | None:
        try:
            return Record.read(self.store.folder(digest))
        except IntegrityError:
            return None

    def folder(self, record: Record) -> Path:
        return self.store.folder(record.digest)

    def checked(self, record: Record) -> Record:
        """The record. Raises IntegrityError where its files are others, it has no seal or holds a pickle."""
        folder = self.folder(record)
        record.check(folder)
        check_shared(record, folder)
        return record

    def module(self, what: str) -> Record:
        """The module of a digest, or the only one of a name.

        Raises UnknownName for none or several, ConfigError for a digest of something else.
        """
        return self._made(self.stage(what))

    def stage(self, what: str) -> Record:
        """Any stage by the start of its digest, or a module by its name: `mnli`, `panx stack(mnli)`.

        Raises UnknownName for none or several.
        """
        hexadecimal = re.fullmatch(r"[0-9a-f]{4,64}", what)
        if hexadecimal and re.search(r"\d", what):
            return self.store.record(what)
        if not self.store.root.is_dir():
            raise UnknownName(f"{self.store.root}: no such store", "give it with --store, in Python store=")
        known: dict[str, list[Record]] = {}
        for record in self.records.values():
            for name in self.names(record) if record.kind in MAKERS else ():
                known.setdefault(name, []).append(record)
        found = known.get(what.replace(", ", ",").replace(",", ", "), [])
        if len(found) == 1:
            return found[0]
        if not found and hexadecimal:
            return self.store.record(what)
        if not found:
            raise UnknownName(f"{self.store.root}: no module {what!r}{nearest(what, known)}")
        several = "; ".join(f"{each.digest[:12]} {self.described(each)}" for each in found[:5])
        raise UnknownName(f"{what!r} is the name of {len(found)} modules: {several}", "give a digest")

    def _made(self, record: Record) -> Record:
        if record.kind in MAKERS:
            return record
        below = [digest for digest, kind in self.below(record) if kind in MAKERS]
        hint = f"its module is {below[0][:12]}" if below else ""
        raise ConfigError(f"{record.digest[:12]} is a {record.kind}, no module", hint)

    def below(self, record: Record) -> Iterator[tuple[str, str]]:
        """(digest, kind) of everything that a stage needs, the nearest first, each once."""
        waiting, seen = list(record.inputs.items()), set[str]()
        while waiting:
            digest, kind = waiting.pop(0)
            if digest not in seen:
                seen.add(digest)
                yield digest, kind
                if digest in self.records:
                    waiting += self.records[digest].inputs.items()

    def names(self, record: Record) -> list[str]:
        """What a module may be called, the whole name first."""
        own, base = str(self.expression(record.digest)), self.base(record)
        if language := record.fields.get("language"):
            return [f"language adapter {language}", str(language)]
        if base is None or isinstance(base, Continue):
            return [own]
        return [own, f"{own} {base}"] if isinstance(base, Alone) else [f"{own} {base}", str(base)]

    def title(self, record: Record) -> str:
        """What is trained and over what: `panx stack(mnli)`."""
        return self.names(record)[0]

    def described(self, record: Record) -> str:
        """With what tells it from others of the same name."""
        seed = f"seed {record.fields['seed']}" if "seed" in record.fields else ""
        return " ".join(filter(None, (self.title(record), self.method(record), seed)))

    def method(self, record: Record) -> str:
        """The method by name; of a merge `merged`."""
        method = record.fields.get("recipe", {}).get("method", {})
        return str(method.get("type", record.kind)).lower()

    def base(self, record: Record) -> Composition | None:
        """What a module was trained over, with the names of its parts; None of a merge."""
        given = record.fields.get("base")
        return None if given is None else self._composition(given)

    def _composition(self, given: Mapping[str, Any]) -> Composition:
        kind: type[Composition] = getattr(compositions, given["type"])
        options = {name: _plain(given[name]) for name in kind.options() if name in given}
        return kind(tuple(self.expression(part["digest"]) for part in given["parts"]), **options)

    def expression(self, digest: str) -> Any:
        """What made a module, as an experiment file writes it; the start of its digest when it is gone."""
        record = self.records.get(digest)
        if record is None:
            return digest[:12]
        if record.kind == "merged":
            return self._composition(record.fields["merge"])
        tasks = tuple(task_name(task) for task in own_tasks(record))
        own: Any = Multitask(tasks) if len(tasks) > 1 else tasks[0]
        own = WithText((own,)) if record.fields.get("text") else own
        base = self.base(record)
        if not isinstance(base, Continue):
            return own
        before = base.parts[0]
        return Chain((*(before.parts if isinstance(before, Chain) else (before,)), own))

    def place(self, record: Record) -> str:
        """A name for its folder: what it is, and the start of its digest."""
        words = self.title(record) if record.kind in MAKERS else record.kind
        if record.kind in ("predict", "baseline"):
            words = f"{task_name(record.fields['task'])} {record.fields['language']}"
        return f"{slug(words)[:60].strip('-')}-{record.digest[:12]}"


def check_shared(record: Record, folder: Path) -> None:
    """Raise IntegrityError for a record without a seal, and for files that are pickles."""
    if not record.seal:
        hint = "make it anew: xadapt run EXPERIMENT --only DIGEST --again"
        raise IntegrityError(f"{folder / 'record.json'}: has no seal", hint, record.digest)
    for name in record.files:
        if name.endswith(PICKLED):
            raise IntegrityError(f"{folder / name}: a pickle, which is never shared", digest=record.digest)


def own_tasks(record: Record) -> list[Any]:
    """The tasks that a stage trains on, in order, as its record has them."""
    if "task" in record.fields:
        return [record.fields["task"]]
    return [part["task"] for part in record.fields.get("parts", [])]


def task_name(task: Any) -> str:
    """Of a task of xadapt, or of one that the experiment declares."""
    return str(task["name"]) if isinstance(task, dict) else str(task)


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
