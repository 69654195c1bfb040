"""`xadapt push`"""

from typing import Annotated

import typer

from .options import DEFAULT_STORE, Json, Quiet, StorePath
from .output import document, stdout
from .sharing import told

What = Annotated[
    str,
    typer.Argument(
        help="A digest, or what a module is called: `mnli`, `panx stack(mnli)`.", metavar="MODULE"
    ),
]
Where = Annotated[
    str,
    typer.Argument(help="owner/name on the hub, file:///folder or s3://bucket/folder.", metavar="ADDRESS"),
]


def push(
    what: What,
    where: Where,
    store: StorePath = DEFAULT_STORE,
    private: Annotated[bool, typer.Option("--private", help="A new repository is private.")] = False,
    revision: Annotated[str, typer.Option(help="The branch to write to; made where it is not there.")] = "",
    message: Annotated[str, typer.Option("--message", "-m", help="Of the commit.")] = "",
    license: Annotated[str, typer.Option(help="Of the module, as the hub names it: apache-2.0.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be pushed; ask no one.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Publish a module, with all that it was made of and its card, in one commit.

    **Examples**

    `xadapt push "panx stack(mnli)" owner/panx-on-mnli`

    `xadapt push 3fa9c1d2 owner/mnli --private --dry-run`
    """
    from xadapt.hub import address, bundle, remote
    from xadapt.hub import push as pushing
    from xadapt.hub.modules import Shelf
    from xadapt.workflow.store import Store

    place = address.parse(where, revision)
    shelf = Shelf(Store(store))
    record = shelf.module(what)
    made = bundle.one(record, shelf)
    done = pushing.push(made, remote.at(place, told(quiet)), private, message or f"{shelf.title(record)}")
    if as_json:
        document(vars(done) | {"address": done.at})
    else:
        stdout().print(f"{done.at}: {done.written} files written, {done.same} were there", markup=False)
