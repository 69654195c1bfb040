"""`xadapt pull`"""

from typing import Annotated

import typer

from .options import DEFAULT_STORE, Json, Quiet, StorePath
from .output import document, stdout
from .sharing import told


def pull(
    where: Annotated[
        str,
        typer.Argument(
            help="owner/name[@revision] on the hub, file:///folder or s3://bucket/folder.", metavar="ADDRESS"
        ),
    ],
    store: StorePath = DEFAULT_STORE,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Take what was pushed into a store: every file verified, each stage under its own digest.

    **Examples**

    `xadapt pull owner/panx-on-mnli@v1`
    """
    from xadapt.hub import address, remote
    from xadapt.hub import pull as pulling
    from xadapt.workflow.store import Store

    found = pulling.pull(remote.at(address.parse(where), told(quiet)), Store(store))
    if as_json:
        document({"stages": [{"digest": each.record.digest, "new": each.new} for each in found]})
        return
    for each in found:
        state = "pulled" if each.new else "there"
        stdout().print(f"{state}  {each.record.kind} {each.record.digest[:12]}  {each.folder}", markup=False)
