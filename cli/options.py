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
DEFAULT_STORE = Path("runs")
