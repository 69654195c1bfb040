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
    rescore: Annotated[
        bool, typer.Option("--rescore", help="Also score the stored predictions again, to the last digit.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Check every record and file of a store; name what was changed.

    Checksums and seals find accidents and careless edits; --rescore finds a number that was typed in.

    **Examples**

    `xadapt verify`

    `xadapt verify --store /data/runs --json`

    `xadapt verify --rescore`

    `xadapt verify --repair && xadapt run my.toml`
    """
    from xadapt.errors import IntegrityError, UnknownName
    from xadapt.stages.rescore import rescore as rescored
    from xadapt.workflow.record import Record
    from xadapt.workflow.store import Store

    if not store.is_dir():
        raise UnknownName(f"{store}: no such store", "give it with --store")
    kept = Store(store)
    checked = list(kept.verify())
    wrong = [(digest, str(error)) for digest, error in checked if error is not None]
    good = [digest for digest, error in checked if error is None]
    unsealed = sum(not Record.read(kept.folder(digest)).seal for digest in good)
    again = list(rescored(kept, good)) if rescore else []
    wrong += [(each.digest, str(each.wrong)) for each in again if each.wrong]
    skipped = [each for each in again if each.why]
    places = [kept.quarantine(digest) for digest, _ in wrong] if repair else []
    moved = [str(place) for place in places if place is not None]
    if as_json:
        changed = [{"digest": digest, "message": message} for digest, message in wrong]
        facts = {"checked": len(checked), "unsealed": unsealed, "rescored": len(again) - len(skipped)}
        document(facts | {"changed": changed, "moved": moved})
    else:
        out = stdout()
        for _, message in wrong:
            out.print(f"changed: {message}", markup=False)
        for place in moved:
            out.print(f"moved to {place}", markup=False)
        for each in skipped:
            out.print(f"not scored again: {each.digest[:12]}: {each.why}", markup=False)
        if unsealed:
            out.print(f"unsealed: {unsealed} records of an older xadapt; only their files were checked")
        scored = f", {len(again) - len(skipped)} scored again" if rescore else ""
        out.print(f"{len(checked)} stages checked{scored}, {len(wrong)} changed")
    return IntegrityError.code if wrong and not repair else 0
