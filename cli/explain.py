"""`xadapt explain`"""

from typing import Annotated

import typer

from .options import DEFAULT_STORE, Json, StorePath
from .output import document, stdout


def explain(
    digest: Annotated[
        str, typer.Argument(help="A digest, or the start of one (4 digits or more).", metavar="DIGEST")
    ],
    store: StorePath = DEFAULT_STORE,
    as_json: Json = False,
) -> None:
    """Walk a number back to its data, and print the command that makes it again.

    **Examples**

    `xadapt explain 3fa9c1d2`

    `xadapt explain 3fa9c1d2 --json`
    """
    from xadapt import explain as explanations
    from xadapt.workflow.store import Store

    kept = Store(store)
    steps = explanations.walk(digest, kept)
    again = explanations.command(steps[0], kept)
    if as_json:
        document({"stages": [step.as_json() for step in steps], "again": again})
        return
    out = stdout()
    for step in steps:
        out.print(step.line(), markup=False)
    made_by = explanations.code(steps[0])
    out.print(f"\nmake it again, with the same data and {made_by}:\n  {again}", markup=False)
