"""In how many bits the frozen weights were held on which the numbers of a report stand."""

from collections.abc import Iterable

from xadapt.errors import IntegrityError
from xadapt.workflow.record import Record
from xadapt.workflow.stage import Stage
from xadapt.workflow.store import Store

TRAININGS = ("train", "mixture")


def quantised(stages: Iterable[Stage], store: Store) -> dict[str, int | None]:
    """By digest the bits of each of `stages`, None where nothing was quantised.

    No digest tells it, as memory is a matter of the machine. A module is only ever used on the bits it was
    trained on, so the records of the trainings below a stage agree.
    """
    known: dict[str, int | None] = {}

    def bits(stage: Stage) -> int | None:
        if stage.digest not in known:
            below = [found for one in stage.inputs.values() if (found := bits(one)) is not None]
            own = _recorded(stage, store) if stage.kind in TRAININGS and stage in store else None
            known[stage.digest] = next(iter(below), own)
        return known[stage.digest]

    return {stage.digest: bits(stage) for stage in stages}


def _recorded(stage: Stage, store: Store) -> int | None:
    try:
        found: int | None = Record.read(store.folder(stage.digest)).notes.get("memory", {}).get("bits")
    except IntegrityError:
        return None
    return found
