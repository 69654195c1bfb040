"""Score stored predictions a second time: a number that was typed in is not what they give."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from xadapt.errors import IntegrityError, XadaptError
from xadapt.stages.score import Answers, Score, counted, scored
from xadapt.tasks import task
from xadapt.workflow.record import Record
from xadapt.workflow.store import Store


@dataclass(frozen=True)
class Rescored:
    """One score: as it was, `wrong`, or not to be scored again, and `why`."""

    digest: str
    wrong: IntegrityError | None = None
    why: str = ""


def rescore(store: Store, digests: Iterable[str]) -> Iterator[Rescored]:
    """Each score among finished stages against what its predictions give, to the last digit."""
    for digest in digests:
        record = Record.read(store.folder(digest))
        if record.kind != "score":
            continue
        try:
            _compare(record, store)
            yield Rescored(digest)
        except IntegrityError as error:
            yield Rescored(digest, wrong=error)
        except XadaptError as error:
            yield Rescored(digest, why=error.message)


def _compare(record: Record, store: Store) -> None:
    if record.version != Score.version:
        raise XadaptError(f"it is of version {record.version}, this xadapt scores by {Score.version}")
    folder, fields = store.folder(record.digest), record.fields
    tuned_on, made = fields.get("tuned_on"), store.record(fields["predictions"]["digest"])
    dev = None if tuned_on is None else _answers(fields, store.record(tuned_on["digest"]), store)
    read = counted(fields["metric"], _answers(fields, made, store), dev)
    facts, rows = scored(fields["metric"], made.fields["language"], *read)
    said = json.loads((folder / "score.json").read_text(encoding="utf-8"))
    for place, known in (("score.json", said), ("record.json", record.notes)):
        for name in sorted(facts.keys() & known):
            if known[name] != facts[name]:
                message = f"{folder / place}: {name} {known[name]}, its predictions give {facts[name]}"
                raise IntegrityError(message, digest=record.digest)
    items = json.loads((folder / "items.json").read_text(encoding="utf-8"))
    if "value" not in said or items != list(map(list, rows)):
        message = f"{folder / 'items.json'}: not what its predictions give"
        raise IntegrityError(message, digest=record.digest)


def _answers(fields: dict[str, Any], made: Record, store: Store) -> Answers:
    """From records alone: the experiment is not needed."""
    of, data = fields["task"], store.record(made.fields["data"]["digest"])
    kind = task(of).type if isinstance(of, str) else of["kind"]
    return Answers(kind, store.folder(data.digest), store.folder(made.digest))
