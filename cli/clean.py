"""`xadapt clean`"""

from typing import Annotated

import typer

from .options import DEFAULT_STORE, Json, StorePath
from .output import document, stdout


def clean(
    store: StorePath = DEFAULT_STORE,
    remove: Annotated[bool, typer.Option("--remove", help="Remove it; else it is only counted.")] = False,
    as_json: Json = False,
) -> None:
    """Say what of a store can go without loss: texts as tokens, which the next run makes again.

    No result is touched. Runs that are under way go on.

    **Examples**

    `xadapt clean`

    `xadapt clean --store /data/runs --remove`
    """
    from xadapt.errors import UnknownName
    from xadapt.workflow import derived
    from xadapt.workflow.store import Store

    if not store.is_dir():
        raise UnknownName(f"{store}: no such store", "give it with --store")
    found = derived.remove(Store(store)) if remove else derived.derived(Store(store))
    if as_json:
        facts = {"folders": found.folders, "bytes": found.size, "removed": remove}
        document(facts | ({"in_use": found.in_use} if remove else {}))
        return
    said = "removed" if remove else "can go (--remove)"
    said += f"; {found.in_use} stay, a run makes them now" if found.in_use else ""
    stdout().print(f"texts as tokens: {found.folders} folders, {found.size / 1e6:,.1f} MB {said}")
