"""`xadapt languages`: the languages of the targets, and which have a language adapter for a base model"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Json
from .output import document, note, stdout

if TYPE_CHECKING:
    from xadapt.sources.adapterhub import Row

Folder = Annotated[
    Path | None,
    typer.Option("--adapters", help="Your own: a folder with one of each language by code.", metavar="DIR"),
]


def languages(
    model: Annotated[str, typer.Option(help="The base model.", metavar="NAME")] = "xlm-roberta-large",
    adapters: Folder = None,
    as_json: Json = False,
) -> None:
    """List the languages of the targets with code, name, family, script and what adapter is known (MAD-X).

    Published ones are marked `seen` where their repository was seen, `listed` where only AdapterHub's list
    names them. They are pickles: save them anew with `adapters` before use (README).

    **Examples**

    `xadapt languages`

    `xadapt languages --model xlm-roberta-base --adapters adapters --json`
    """
    from xadapt.errors import nearest
    from xadapt.sources import adapterhub

    found = adapterhub.rows(model, adapters)
    known = {*adapterhub.SEEN, *adapterhub.LISTED}
    if adapters is None and model.rpartition("/")[2] not in known:
        note(f"no published adapters are known for {model!r}{nearest(model, known)}")
    if as_json:
        document({"model": model, "languages": [_facts(row) for row in found]})
        return
    out = stdout()
    for row in found:
        entry = row.language
        start = f"{entry.code:4} {entry.name:16} {entry.family:14} {entry.script:11}"
        out.print(f"{start} {_said(row)}".rstrip(), markup=False)
    have = sum(row.known is not None or bool(row.local and not row.local.fault) for row in found)
    note(f"{have} of {len(found)} languages have an adapter for {model}; [languages] train makes the others")


def _facts(row: "Row") -> dict[str, Any]:
    entry = row.language
    facts = {"code": entry.code, "name": entry.name, "family": entry.family, "script": entry.script}
    known = asdict(row.known) if row.known else None
    local = {"folder": str(row.local.folder), "fault": row.local.fault} if row.local else None
    return facts | {"published": known, "local": local}


def _said(row: "Row") -> str:
    words = []
    if row.local:
        words.append(f"{row.local.folder}" + (f" ({row.local.fault})" if row.local.fault else ""))
    if row.known:
        words.append(f"{row.known.hub} ({'seen' if row.known.verified else 'listed'})")
    return ", ".join(words)
