"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

ExperimentName = Annotated[
    str,
    typer.Argument(
        help="An experiment file, or a shipped one by name (demo, xstilts, ...).", metavar="EXPERIMENT"
    ),
]
StorePath = Annotated[
    Path,
    typer.Option("--store", envvar="XADAPT_STORE", help="Where results are kept.", rich_help_panel="Where"),
]
DataPath = Annotated[
    Path | None,
    typer.Option(
        "--data",
        envvar="XADAPT_DATA",
        help="Folder of local datasets, NAME/CONFIG/SPLIT.jsonl.",
        rich_help_panel="Where",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change a value: recipe.lora.lr=1e-4. May be repeated.", metavar="KEY=VALUE"),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.", rich_help_panel="Output")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.", rich_help_panel="Output")]
Module = Annotated[
    str,
    typer.Argument(
        help="A folder of a store, the start of a digest, or what was trained: mnli, 'xnli stack(mnli)'."
    ),
]
Task = Annotated[str | None, typer.Option("--task", help="Whose head, of a module with several.")]
Vectors = Annotated[
    bool, typer.Option("--vectors", help="Sentence vectors in place of the module's own answers.")
]
Layer = Annotated[
    int | None, typer.Option("--layer", help="After which layer --vectors are read; the last when not given.")
]
Base = Annotated[
    Path | None,
    typer.Option(
        "--base",
        help="The encoder, where it is a folder of your own.",
        rich_help_panel="Where",
        metavar="FOLDER",
    ),
]
Adapters = Annotated[
    list[str] | None,
    typer.Option(
        "--adapter",
        help="A language adapter: xx=FOLDER or xx=DIGEST. May be repeated.",
        rich_help_panel="Where",
        metavar="XX=PLACE",
    ),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or mps.", rich_help_panel="Where")]
DEFAULT_STORE = Path("runs")
