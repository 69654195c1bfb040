"""What is shared, as files by their path on the other side: stages, each with its record, and a card.

One module lies at the root, so that `adapters` and `peft` load it from there; the modules that it was made of
lie below `parts`. Of an experiment each stage has its folder: `modules`, `predictions`, `scores`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from xadapt.errors import DataError
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
    """A module with everything that it was made of. Raises IntegrityError for what is not as it was written.

    A part that is gone from the store is left out: only running it needs those that lie under it.
    """
    parts = [
        shelf.records[digest]
        for digest, kind in shelf.below(record)
        if kind in BELOW and digest in shelf.records
    ]
    stages = {"": record} | {f"{PARTS}/{shelf.place(part)}": part for part in parts}
    for each in stages.values():
        shelf.checked(each)
    return Bundle(stages, shelf)


def every(digests: Iterable[str], shelf: Shelf) -> Bundle:
    """The stages of a plan that are finished, but for data: those are read from where they come from.

    Raises IntegrityError for what is not as it was written, DataError when nothing has run.
    """
    found = [shelf.records[digest] for digest in digests if digest in shelf.records]
    shared = [shelf.checked(each) for each in found if each.kind in FOLDERS]
    if not any(each.kind in MAKERS for each in shared):
        raise DataError(f"{shelf.store.root}: no module of this experiment has been trained", "xadapt run it")
    return Bundle({f"{FOLDERS[each.kind]}/{shelf.place(each)}": each for each in shared}, shelf)
