"""`xadapt report`"""

from pathlib import Path
from typing import Annotated, Any

import typer

from .options import DEFAULT_STORE, DataPath, ExperimentName, Json, Settings, StorePath
from .output import document, note, prepare, stdout, written


def report(
    experiment: ExperimentName,
    store: StorePath = DEFAULT_STORE,
    data: DataPath = None,
    settings: Settings = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="Also write NAME.md and NAME.json into this folder.")
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

    `xadapt report my.toml --json > scores.json`
    """
    import json

    from xadapt import experiment as experiments
    from xadapt.errors import UnknownName
    from xadapt.report import attention as attended
    from xadapt.report import markdown, standing, summary, table, terminal
    from xadapt.workflow.store import Store

    asked = experiments.load(experiment, settings, data)
    if output is not None:
        prepare(output)
    if not store.is_dir():
        raise UnknownName(f"{store}: no such store", "`xadapt run` makes it; --store gives another one")
    results = table.results(asked.cells(), Store(store))
    board, name = standing.board(asked, results), Path(experiment).stem
    weights = attended.entries(results, Store(store)) if attention else []
    more = attended.sections(weights)
    facts: dict[str, Any] = {}
    if as_json or output is not None:
        cells = [result.as_json() for result in results]
        facts = {"experiment": name, "cells": cells, "summary": summary.summary(results)}
        facts["benchmark"] = summary.benchmark(board) if board else None
        facts |= {"attention": weights} if attention else {}
    if output is not None:
        # Before anything is shown: an error is the one document of --json.
        with written(f"--output {output}", "choose another --output"):
            (output / f"{name}.md").write_text(markdown.page(name, results, board, more), encoding="utf-8")
            (output / f"{name}.json").write_text(
                json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
            )
    if as_json:
        document(facts)
    else:
        terminal.show(results, stdout(), languages, board, more)
    if output is not None:
        note(f"report: {output / name}.md and .json")
