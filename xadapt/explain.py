"""A digest -> how it came to be: every stage below it, and the command that makes it again."""

import shlex
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xadapt.workflow.context import Context
from xadapt.workflow.record import NAME, Record, file_names, file_sha256
from xadapt.workflow.stage import Stage
from xadapt.workflow.store import Store

SHOWN = ("value", "metric", "n", "method", "steps", "loss", "trainable", "read", "kept", "device", "tokens")
"""Notes that are worth a line, where a stage has them."""


@dataclass(frozen=True)
class Step:
    """One stage on the way back, `depth` levels below the number."""

    record: Record
    depth: int

    def line(self) -> str:
        own = {key: value for key, value in self.record.fields.items() if not _holds_digest(value)}
        fields = ", ".join(f"{key}={_short(value)}" for key, value in own.items() if key != "type")
        notes = ", ".join(
            f"{key} {_short(self.record.notes[key])}" for key in SHOWN if key in self.record.notes
        )
        spent = f"{self.record.seconds:.1f} s"
        return (
            f"{'  ' * self.depth}{self.record.kind} {self.record.digest[:12]}  {fields}  [{notes}; {spent}]"
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "depth": self.depth,
            "digest": self.record.digest,
            "kind": self.record.kind,
            "fields": self.record.fields,
            "inputs": self.record.inputs,
            "notes": self.record.notes,
            "seconds": self.record.seconds,
            "command": self.record.command,
            "commit": self.record.commit,
            "packages": self.record.packages,
        }


def _holds_digest(value: Any) -> bool:
    if isinstance(value, dict):
        return "digest" in value or any(_holds_digest(item) for item in value.values())
    return isinstance(value, list) and any(_holds_digest(item) for item in value)


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} {_short(v)}" for k, v in value.items() if k != "type") + "}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def walk(prefix: str, store: Store) -> list[Step]:
    """The stage and everything below it, each once, depth first. Raises UnknownName for no such digest."""
    steps: list[Step] = []
    seen: set[str] = set()

    def visit(record: Record, depth: int) -> None:
        steps.append(Step(record, depth))
        for digest in record.inputs:
            if digest not in seen:
                seen.add(digest)
                visit(store.record(digest), depth + 1)

    visit(store.record(prefix), 0)
    return steps


def command(record: Record, store: Path) -> str:
    """The command that makes a stage again, from the experiment as it was resolved when it ran."""
    words = list(record.command)
    if "demo" in words[1:2]:
        words = [words[0], "run", "demo"]
    elif "--only" in words:
        at = words.index("--only")
        del words[at : at + 2]
    return shlex.join([*words, "--only", record.digest[:12], "--again"])


def make_again(stage: Stage, context: Context) -> tuple[bool, str]:
    """Run a finished stage a second time beside its result: (same files?, one line that says so)."""
    folder = context.store.path(stage)
    before = Record.read(folder).files
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch)
        stage.run(out, context)
        after = {name: file_sha256(out / name) for name in file_names(out) if name != NAME}
    if before == after:
        return True, f"{stage.title()} {stage.digest[:12]}: identical"
    other = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return False, f"{stage.title()} {stage.digest[:12]}: {', '.join(other)} differ"
