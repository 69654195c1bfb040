"""In how many bits the frozen weights were held on which the numbers of a report stand."""

from collections.abc import Iterable

from xadapt.errors import IntegrityError
from xadapt.workflow.record import Record
from xadapt.workflow.stage import Stage
from xadapt.workflow.store import Store

TRAININGS = ("train", "mixture")
Said = tuple[int | None, ...]


def quantised(stages: Iterable[Stage], store: Store) -> dict[str, int | None]:
    """By digest the bits of each of `stages`, None where nothing was quantised.

    No digest tells it, as memory is a matter of the machine. A module is only ever used on the bits it was
    trained on, so the records of the trainings below a stage agree; what stands on none says it for itself.
    """
    known: dict[str, Said] = {}

    def said(stage: Stage) -> Said:
        if stage.digest not in known:
            below = [bits for one in stage.inputs.values() for bits in said(one)]
            asked = stage.kind in TRAININGS or (stage.kind == "predict" and not below)
            own = _recorded(stage, store) if asked and stage in store else ()
            known[stage.digest] = tuple(dict.fromkeys([*below, *own]))
        return known[stage.digest]

    return {stage.digest: next(filter(None, said(stage)), None) for stage in stages}


def _recorded(stage: Stage, store: Store) -> Said:
    try:
        return (Record.read(store.folder(stage.digest)).notes.get("memory", {}).get("bits"),)
    except IntegrityError:
        return ()
