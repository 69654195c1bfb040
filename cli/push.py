"""`xadapt push`"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from .options import DEFAULT_STORE, DataPath, Json, Quiet, Settings, StorePath
from .output import document, stdout
from .sharing import told

if TYPE_CHECKING:
    from xadapt.hub.address import Address
    from xadapt.hub.bundle import Bundle
    from xadapt.hub.modules import Shelf
    from xadapt.hub.push import Pushed
    from xadapt.hub.remote import Remote

What = Annotated[
    str,
    typer.Argument(
        help="A digest, or what a module is called: `mnli`, `panx stack(mnli)`. With --matrix the address.",
        metavar="MODULE",
    ),
]
Where = Annotated[
    str,
    typer.Argument(help="owner/name on the hub, file:///folder or s3://bucket/folder.", metavar="[ADDRESS]"),
]
Matrix = Annotated[
    str,
    typer.Option(
        "--matrix", help="Push every module and score of an experiment in place of one.", metavar="EXPERIMENT"
    ),
]
License = Annotated[
    str, typer.Option(help="Of the module, as the hub names it (apache-2.0); else that of its data.")
]


def push(
    what: What,
    where: Where = "",
    matrix: Matrix = "",
    store: StorePath = DEFAULT_STORE,
    data: DataPath = None,
    settings: Settings = None,
    private: Annotated[bool, typer.Option("--private", help="A new repository is private.")] = False,
    revision: Annotated[str, typer.Option(help="The branch to write to; made where it is not there.")] = "",
    message: Annotated[str, typer.Option("--message", "-m", help="Of the commit.")] = "",
    license: License = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the card and the files; ask no one, write nothing.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Publish a module with its card and all that it was made of, in one commit.

    An experiment takes several, each stage whole; run again, it continues. The token is that of `hf auth
    login` or HF_TOKEN.

    **Examples**

    `xadapt push "panx stack(mnli)" owner/panx-on-mnli`

    `xadapt push 3fa9c1d2 owner/mnli --private --dry-run`

    `xadapt push --matrix my.toml owner/my-matrix`
    """
    from xadapt.errors import ConfigError
    from xadapt.hub import address, remote
    from xadapt.hub.modules import Shelf
    from xadapt.workflow.store import Store

    if bool(matrix) == bool(where):
        raise ConfigError("needed are a module and an address, or --matrix EXPERIMENT and an address")
    say = told(quiet)
    place, shelf = address.parse(where or what, revision), Shelf(Store(store))
    if matrix:
        made, title = _experiment(matrix, settings, data, place, shelf, license)
    else:
        made, title = _module(what, place, shelf, license)
    if dry_run:
        _show(made, place, as_json)
        return
    send = _send_all if matrix else _send
    done = send(made, remote.at(place, say), private, message or title, say)
    _say(done, as_json)


def _module(what: str, place: "Address", shelf: "Shelf", license: str) -> tuple["Bundle", str]:
    from xadapt.hub import again, bundle, card

    record = shelf.module(what)
    made = bundle.one(record, shelf)
    command, more = again.again(record, shelf.store)
    made.more |= more
    made.more[bundle.CARD] = card.card(made, place, command, license).encode()
    return made, f"{shelf.described(record)} ({record.digest[:12]})"


def _experiment(
    name: str, settings: list[str] | None, data: DataPath, place: "Address", shelf: "Shelf", license: str
) -> tuple["Bundle", str]:
    from pathlib import Path

    from xadapt import experiment as experiments
    from xadapt.hub import again, bundle, matrix_card
    from xadapt.workflow.plan import Plan

    plan = Plan.of(experiments.load(name, settings, data).goals())
    made = bundle.every((stage.digest for stage in plan.stages), shelf)
    last = plan.stages[-1].digest
    made.more |= again.files(last, shelf.store)
    card = matrix_card.card(made, place, f"xadapt run {again.NAME}", license)
    made.more[bundle.CARD] = card.encode()
    return made, Path(name).stem


def _send(
    made: "Bundle", other: "Remote", private: bool, message: str, say: Callable[[str], None]
) -> "Pushed":
    from xadapt.hub.push import push as send

    return send(made, other, private, message)


def _send_all(
    made: "Bundle", other: "Remote", private: bool, message: str, say: Callable[[str], None]
) -> "Pushed":
    from xadapt.hub.push import push_all

    return push_all(made, other, private, message, say)


def _show(made: "Bundle", place: "Address", as_json: bool) -> None:
    from xadapt.hub.bundle import CARD
    from xadapt.hub.remote import size

    files = {path: size(source) for path, source in made.files().items()}
    card = made.more[CARD]
    text = card.decode() if isinstance(card, bytes) else card.read_text(encoding="utf-8")
    if as_json:
        document({"address": str(place), "files": files, "card": text})
        return
    out = stdout()
    out.print(text, markup=False)
    for path, count in sorted(files.items()):
        out.print(f"{count:>12,}  {path}", markup=False)
    out.print(f"{sum(files.values()):>12,}  bytes in {len(files)} files to {place}; nothing was pushed")


def _say(done: "Pushed", as_json: bool) -> None:
    if as_json:
        document({"address": done.at, "written": done.written, "same": done.same, "removed": done.removed})
        return
    removed = f", {done.removed} removed" if done.removed else ""
    line = f"{done.at}: {done.written} files written, {done.same} were there{removed}"
    stdout().print(line, markup=False)
