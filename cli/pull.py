"""`xadapt pull`"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import DEFAULT_STORE, Json, Quiet, StorePath
from .output import document, stdout
from .sharing import told

if TYPE_CHECKING:
    from xadapt.hub.foreign import Foreign
    from xadapt.hub.pull import Pulled


def pull(
    where: Annotated[
        str,
        typer.Argument(
            help="owner/name[@revision] on the hub, file:///folder or s3://bucket/folder.", metavar="ADDRESS"
        ),
    ],
    store: StorePath = DEFAULT_STORE,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder of a module that xadapt did not make; modules/NAME when not given."),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Take what was pushed into a store: every file verified, each stage under its own digest.

    A run finds it there and does not make it again. A module of AdapterHub or PEFT without a record of
    xadapt goes into a folder.

    **Examples**

    `xadapt pull owner/panx-on-mnli@v1`

    `xadapt pull owner/swahili --output adapters/sw`
    """
    from xadapt.hub import address, foreign, remote
    from xadapt.hub import pull as pulling
    from xadapt.workflow.store import Store

    place = address.parse(where)
    other = remote.at(place, told(quiet))
    there = other.files()
    if not pulling.stages(there):
        _say_foreign(foreign.take(other, there, output or Path("modules") / place.name), as_json)
        return
    found, experiment = pulling.pull(other, there, Store(store))
    _say(other.at, found, experiment, as_json)


def _say(at: str, found: "Sequence[Pulled]", experiment: Path | None, as_json: bool) -> None:
    if as_json:
        stages = [
            {
                "digest": each.record.digest,
                "kind": each.record.kind,
                "new": each.new,
                "path": str(each.folder),
            }
            for each in found
        ]
        document({"address": at, "stages": stages, "experiment": experiment and str(experiment)})
        return
    out = stdout()
    for each in found:
        state = "pulled" if each.new else "there "
        out.print(f"{state}  {each.record.kind} {each.record.digest[:12]}  {each.folder}", markup=False)
    if experiment is not None:
        out.print(f"experiment  {experiment}", markup=False)


def _say_foreign(found: "Foreign", as_json: bool) -> None:
    if as_json:
        document({"folder": str(found.folder), "kind": found.kind, "model": found.model})
        return
    line = f"pulled  module of {found.kind} for {found.model}: {found.folder}"
    stdout().print(line, markup=False)
