"""A digest -> how it came to be: every stage below it, and the command that makes it again."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from xadapt import kept
from xadapt.errors import UnknownName
from xadapt.workflow.record import Record
from xadapt.workflow.store import Store

SHOWN = (
    "value",
    "metric",
    "n",
    "method",
    "steps",
    "loss",
    "trainable",
    "from",
    "read",
    "kept",
    "dropped",
    "flawed",
    "device",
    "tokens",
)
"""Notes that are worth a line, where a stage has them."""


@dataclass(frozen=True)
class Step:
    """One stage on the way back, `depth` levels below the number; `record` is None when it is gone."""

    digest: str
    kind: str
    depth: int
    record: Record | None

    def line(self) -> str:
        """The stage in one line, indented by its depth."""
        start = f"{'  ' * self.depth}{self.kind} {self.digest[:12]}"
        if self.record is None:
            return f"{start}  is no longer in the store"
        fields = (f"{name}={_short(value)}" for name, value in self.record.fields.items())
        own = ", ".join(field for field in fields if not field.endswith("="))
        known = {name: note for name, note in self.record.notes.items() if note != {}}
        notes = [f"{name} {_short(known[name])}" for name in SHOWN if name in known]
        return f"{start}  {own}  [{', '.join([*notes, f'{self.record.seconds:.1f} s'])}]"

    def as_json(self) -> dict[str, Any]:
        """Everything the record says; of a stage that is gone, that it is."""
        facts = {"depth": self.depth, "digest": self.digest, "kind": self.kind, "missing": not self.record}
        if self.record is None:
            return facts
        names = ("fields", "inputs", "notes", "seconds", "command", "commit", "packages", "machine")
        return facts | {name: getattr(self.record, name) for name in names}


def _short(value: Any) -> str:
    """A field in a few letters; empty for None, and for a stage, which has a line of its own below."""
    if isinstance(value, dict) and "parts" in value:
        parts = ", ".join(part["digest"][:12] for part in value["parts"])
        return f"{value['type'].lower()}({parts})" if parts else value["type"].lower()
    if isinstance(value, dict):
        inner = {name: _short(item) for name, item in value.items() if name not in ("type", "digest")}
        text = ", ".join(f"{name} {item}" for name, item in inner.items() if item)
        return f"{value.get('type', '').lower()}({text})" if "digest" not in value else ""
    if isinstance(value, list):
        return ", ".join(filter(None, map(_short, value)))
    if isinstance(value, str) and re.fullmatch(r"[0-9a-f]{40,}", value):
        return value[:12]
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def walk(prefix: str, store: Store) -> list[Step]:
    """The stage and everything below it, each once, depth first.

    Raises UnknownName for no such digest, IntegrityError when a file below it was changed.
    """
    top = store.record(prefix)
    seen: set[str] = set()
    return list(_below(top.digest, top.kind, 0, store, seen))


def _below(digest: str, kind: str, depth: int, store: Store, seen: set[str]) -> Iterator[Step]:
    seen.add(digest)
    record = _checked(digest, store)
    yield Step(digest, kind, depth, record)
    for needed, of_kind in record.inputs.items() if record else ():
        if needed not in seen:
            yield from _below(needed, of_kind, depth + 1, store, seen)


def _checked(digest: str, store: Store) -> Record | None:
    try:
        record = store.record(digest)
    except UnknownName:
        return None
    folder = store.folder(digest)
    record.check(folder)
    if (folder / "score.json").is_file():
        # The number itself, rather than what was noted of it: the file is what was just checked.
        record.notes.update(json.loads((folder / "score.json").read_text(encoding="utf-8")))
    return record


def code(step: Step) -> str:
    """The xadapt that made a stage: with another one, or other data, the command may not find its digest."""
    if step.record is None:
        return ""
    version = f"xadapt {step.record.packages.get('xadapt', 'of an unknown version')}"
    return f"{version}, commit {step.record.commit[:12]}" if step.record.commit else version


def command(step: Step, store: Store) -> str:
    """The command that makes a stage again: from the experiment kept in the store, else as it was typed."""
    if experiment := kept.find(step.digest, store):
        return experiment.command(step.digest, store.root)
    return shlex.join(step.record.command) if step.record else ""
