"""What is shared, as files by their path on the other side: stages, each with its record, and a card.

One module lies at the root, so that `adapters` and `peft` load it from there; the modules that it was made of
lie below `parts`. Of an experiment each stage has its folder: `modules`, `predictions`, `scores`.
"""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field

from xadapt import kept
from xadapt.errors import DataError, UnknownName
from xadapt.hub import carried, facts
from xadapt.hub.modules import MAKERS, Shelf
from xadapt.hub.remote import Source, size
from xadapt.workflow import record as records
from xadapt.workflow.record import Record

PARTS, MODULES = "parts", "modules"
FOLDERS = {
    **dict.fromkeys(MAKERS, MODULES),
    "encoder": "encoders",
    "predict": "predictions",
    "baseline": "predictions",
    "score": "scores",
}
"""Kind of a stage of an experiment -> the folder that it lies below."""
BELOW = (*MAKERS, "encoder")
"""Kinds of stages that a module is nothing without."""
CARD = "README.md"


@dataclass
class Bundle:
    """`stages` by their folder, `""` for the root, and further files by their path."""

    stages: dict[str, Record]
    shelf: Shelf
    more: dict[str, Source] = field(default_factory=dict)

    def files(self) -> dict[str, Source]:
        """Everything, by path."""
        return {path: source for folder in self.stages for path, source in self.of(folder)} | self.more

    def of(self, folder: str) -> Iterator[tuple[str, Source]]:
        """The files of one stage, its record last."""
        record = self.stages[folder]
        own = self.shelf.folder(record)
        start = f"{folder}/" if folder else ""
        for name in (*sorted(record.files), records.NAME):
            yield start + name, own / name

    @property
    def bytes(self) -> int:
        return sum(size(source) for source in self.files().values())


def one(record: Record, shelf: Shelf) -> Bundle:
    """A module with everything that it was made of, and what its card says of its data and scores.

    Raises IntegrityError for what is not as it was written, UnknownName for a part that is not in the store.
    """
    needed = [digest for digest, kind in shelf.below(record) if kind in BELOW]
    parts = [shelf.records[digest] for digest in needed if digest in shelf.records]
    stages = {"": record} | {f"{PARTS}/{shelf.place(part)}": part for part in parts}
    for each in stages.values():
        _whole(shelf.checked(each), shelf)
    told = facts.carried([record, *(part for part in parts if part.kind in MAKERS)], shelf)
    return Bundle(stages, shelf, {carried.NAME: carried.text(told).encode()})


def lacking(record: Record, there: Container[str]) -> tuple[str, str] | None:
    """What a module stands on that `there` lacks: in words, and its digest."""
    for digest, kind in record.inputs.items() if record.kind in MAKERS else ():
        if kind in BELOW and digest not in there:
            return f"{record.kind} {record.digest[:12]} stands on {kind} {digest[:12]}", digest
    return None


def _whole(record: Record, shelf: Shelf) -> None:
    """Raise UnknownName for a module without a part, which nothing could load."""
    if (found := lacking(record, shelf.records)) is None:
        return
    message, digest = found
    again = kept.find(digest, shelf.store)
    command = f"`{again.command(digest, shelf.store.root)}`, or " if again else ""
    hint = f"{command}`xadapt pull` from where it was pushed to"
    raise UnknownName(f"{message}, which is not in the store {shelf.store.root}", hint)


def every(digests: Iterable[str], shelf: Shelf) -> Bundle:
    """The stages of a plan that are finished, but for data: those are read from where they come from.

    Raises IntegrityError for what is not as it was written, UnknownName for a part that is not in the store,
    DataError when nothing has run.
    """
    found = [shelf.records[digest] for digest in digests if digest in shelf.records]
    shared = [shelf.checked(each) for each in found if each.kind in FOLDERS]
    if not any(each.kind in MAKERS for each in shared):
        raise DataError(f"{shelf.store.root}: no module of this experiment has been trained", "xadapt run it")
    for each in shared:
        _whole(each, shelf)
    made = [each for each in shared if each.kind in MAKERS]
    told = facts.carried(made, shelf, [each.digest for each in shared])
    stages = {f"{FOLDERS[each.kind]}/{shelf.place(each)}": each for each in shared}
    return Bundle(stages, shelf, {carried.NAME: carried.text(told).encode()})
