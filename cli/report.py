"""`xadapt report`"""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import DEFAULT_STORE, DataPath, ExperimentName, Json, Settings, StorePath
from .output import SCHEMA_VERSION, note, prepare, stdout, written

if TYPE_CHECKING:
    from xadapt.report.whole import Report


class Format(StrEnum):
    """What a report is written as."""

    TERMINAL = "terminal"
    MARKDOWN = "markdown"
    CSV = "csv"
    JSON = "json"
    LATEX = "latex"
    HTML = "html"


ENDINGS = {Format.MARKDOWN: "md", Format.JSON: "json", Format.HTML: "html"}
"""What a folder gets."""


def report(
    experiment: ExperimentName,
    store: StorePath = DEFAULT_STORE,
    data: DataPath = None,
    settings: Settings = None,
    form: Annotated[
        Format | None,
        typer.Option("--format", help="What to write: to --output FILE where given, else to stdout."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="Without --format a folder: NAME.md, NAME.json and NAME.html in it."),
    ] = None,
    as_json: Json = False,
    languages: Annotated[bool, typer.Option("--languages", help="Show every language.")] = False,
    attention: Annotated[
        bool, typer.Option("--attention", help="Show what fusions attend to, by language and layer.")
    ] = False,
) -> None:
    """Show the matrix of an experiment from what the store holds: scores, gains, baselines, digests.

    **Examples**

    `xadapt report demo`

    `xadapt report demo --languages`

    `xadapt report demo --format html --output demo.html`

    `xadapt report my.toml --format latex > tables.tex`

    `xadapt report my.toml --json > scores.json`
    """
    from xadapt import experiment as experiments
    from xadapt.errors import ConfigError, UnknownName
    from xadapt.report import whole
    from xadapt.workflow.store import Store

    if as_json and form not in (None, Format.JSON):
        raise ConfigError(f"--json --format {form}: two formats", "give one of them")
    asked = experiments.load(experiment, settings, data)
    if output is not None:
        # Before anything is computed that could not be kept.
        prepare(output if form is None else output.parent)
    if not store.is_dir():
        raise UnknownName(f"{store}: no such store", "`xadapt run` makes it; --store gives another one")
    made = whole.read(asked, Path(experiment).stem, Store(store), attention)
    if output is not None:
        # Before anything is shown: an error is the one document of --json.
        files = (
            {form: output} if form else {each: output / f"{made.name}.{ENDINGS[each]}" for each in ENDINGS}
        )
        with written(f"--output {output}", "choose another --output"):
            for each, path in files.items():
                path.write_text(_text(made, each, languages), encoding="utf-8")
    if output is None or form is None:
        _show(made, Format.JSON if as_json else form or Format.TERMINAL, languages)
    if output is not None:
        note(f"report: {', '.join(map(str, files.values()))}")


def _show(made: "Report", form: Format, languages: bool) -> None:
    from xadapt.report import terminal

    if form == Format.TERMINAL:
        terminal.show(made.found, stdout(), languages, made.board, made.more)
    else:
        typer.echo(_text(made, form, languages), nl=False)


def _text(made: "Report", form: Format, languages: bool) -> str:
    import io

    from rich.console import Console

    from .output import PIPE_WIDTH

    if form == Format.TERMINAL:
        from xadapt.report import terminal

        out = io.StringIO()
        terminal.show(made.found, Console(file=out, width=PIPE_WIDTH), languages, made.board, made.more)
        return out.getvalue()
    return made.text(form.value, {"schema_version": SCHEMA_VERSION})
