"""`xadapt demo`"""

from pathlib import Path
from typing import Annotated

import typer

from .beside import Memory
from .options import DEFAULT_STORE, Json, Quiet, StorePath
from .output import prepare
from .report import report
from .run import run


def demo(
    store: StorePath = DEFAULT_STORE,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes that share the cores.")] = 2,
    memory: Memory = "",
    output: Annotated[
        Path, typer.Option("--output", help="Where the report is written, its HTML page too.")
    ] = Path("reports"),
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """The whole job on the embedded world: train, transfer, score, report - in minutes, without network.

    **Examples**

    `xadapt demo`

    `xadapt demo --workers 1 --store /tmp/runs`

    `xadapt demo --memory 4GB`
    """
    prepare(output)
    code = run("demo", store=store, workers=workers, memory=memory, quiet=quiet)
    report("demo", store=store, output=output, as_json=as_json)
    return code
