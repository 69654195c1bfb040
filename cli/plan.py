"""`xadapt plan`"""

from .options import DEFAULT_STORE, DataPath, ExperimentName, Json, Settings, StorePath
from .output import document, stdout


def plan(
    experiment: ExperimentName,
    store: StorePath = DEFAULT_STORE,
    data: DataPath = None,
    settings: Settings = None,
    as_json: Json = False,
) -> None:
    """Say what an experiment needs, how much of it is there, and how many numbers share it.

    Nothing runs, nothing heavy is loaded.

    **Examples**

    `xadapt plan demo`

    `xadapt plan xstilts --json`
    """
    from xadapt import experiment as experiments
    from xadapt.sources.fetch import Needs
    from xadapt.workflow.plan import Plan
    from xadapt.workflow.store import Store

    asked = experiments.load(experiment, settings, data)
    made = Plan.of(asked.goals())
    missing = Plan(tuple(made.missing(Store(store)))).count()
    stages, served = made.count(), made.served()
    cells = list(asked.cells())
    undefined = sum(cell.score is None for cell in cells)
    unlocked = Needs.of(made.stages).unlocked
    if as_json:
        counts = {"stages": dict(stages), "missing": dict(missing), "served": dict(served)}
        facts = {"cells": len(cells), "undefined": undefined, "unlocked": unlocked}
        document({"experiment": experiment} | counts | facts)
        return
    out = stdout()
    for kind, count in stages.items():
        out.print(f"{kind:9} {count:6}  to do {missing[kind]:6}  for {served[kind]:6} numbers")
    out.print(f"{len(cells)} cells, {undefined} of them undefined; store {store}")
    if unlocked:
        said = "source on the hub is" if unlocked == 1 else "sources on the hub are"
        out.print(f"{unlocked} {said} not locked: xadapt fetch {experiment}", markup=False)
