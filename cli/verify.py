"""`xadapt verify`"""

from typing import Annotated

import typer

from .options import DEFAULT_STORE, Json, StorePath
from .output import document, stdout


def verify(
    store: StorePath = DEFAULT_STORE,
    repair: Annotated[
        bool, typer.Option("--repair", help="Move what was changed aside: the next run makes it again.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Check every record and file of a store; name what was changed.

    **Examples**

    `xadapt verify`

    `xadapt verify --store /data/runs --json`

    `xadapt verify --repair && xadapt run my.toml`
    """
    from xadapt.errors import IntegrityError, UnknownName
    from xadapt.workflow.store import Store

    if not store.is_dir():
        raise UnknownName(f"{store}: no such store", "give it with --store")
    kept = Store(store)
    checked = list(kept.verify())
    wrong = [(digest, str(error)) for digest, error in checked if error is not None]
    moved = [str(kept.quarantine(digest)) for digest, _ in wrong] if repair else []
    if as_json:
        changed = [{"digest": digest, "message": message} for digest, message in wrong]
        document({"checked": len(checked), "changed": changed, "moved": moved})
    else:
        out = stdout()
        for _, message in wrong:
            out.print(f"changed: {message}", markup=False)
        for place in moved:
            out.print(f"moved to {place}", markup=False)
        out.print(f"{len(checked)} stages checked, {len(wrong)} changed")
    return IntegrityError.code if wrong and not repair else 0
