"""`xadapt tasks`: the list, one task whole, and a user's CCGbank or XQuAD-R as rows"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import Json
from .output import document, stdout, written

if TYPE_CHECKING:
    from xadapt.task import Task

app = typer.Typer(invoke_without_command=True)
Declaring = Annotated[
    str | None,
    typer.Option("--experiment", help="Also the tasks that this experiment file declares.", metavar="FILE"),
]


@app.callback()
def tasks(
    context: typer.Context,
    as_json: Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="The table of README.md.")] = False,
    experiment: Declaring = None,
) -> None:
    """List the tasks; `show` tells everything about one.

    **Examples**

    `xadapt tasks`

    `xadapt tasks show udpos`

    `xadapt tasks --experiment my.toml --json`
    """
    if context.invoked_subcommand is not None:
        return
    from xadapt import catalogue
    from xadapt.tasks import tasks as registry

    every = [*registry().values(), *_declared(experiment).values()]
    if as_json:
        document({"tasks": [catalogue.facts(task) for task in every]})
    elif markdown:
        typer.echo(catalogue.table(), nl=False)
    else:
        out = stdout()
        for task in every:
            out.print(f"{task.name:15} {task.type:15} {task.role:13} {len(task.languages):3}  {task.title}")


def _declared(experiment: str | None) -> "dict[str, Task]":
    from xadapt import experiment as experiments

    return experiments.load(experiment).declared if experiment else {}


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A task, as `xadapt tasks` lists it.", metavar="NAME")],
    experiment: Declaring = None,
    as_json: Json = False,
) -> None:
    """Show one task: type, languages, sizes, metric, licence, where each part comes from, known quirks.

    **Examples**

    `xadapt tasks show panx`

    `xadapt tasks show anli_plus --json`
    """
    from xadapt import catalogue
    from xadapt.tasks import task

    found = task(name, declared=_declared(experiment))
    if as_json:
        document(catalogue.facts(found))
        return
    out = stdout()
    for what, value in catalogue.lines(found):
        out.print(f"{what:10} {value}", markup=False)


@app.command()
def ccgbank(
    folder: Annotated[Path, typer.Argument(help="CCGbank (LDC2005T13): the folder that holds data/AUTO.")],
    data: Annotated[
        Path, typer.Option("--data", envvar="XADAPT_DATA", help="The folder of local datasets to write into.")
    ],
    as_json: Json = False,
) -> None:
    """Write your own CCGbank as the rows that the task ccg reads from a local folder.

    Sections 00-18 are for training, 19-21 for validation, 22-24 for the test.

    **Examples**

    `xadapt tasks ccgbank ccgbank_1_1 --data data`
    """
    from xadapt.sources.ccgbank import convert

    with written(f"--data {data}", "choose another --data"):
        counts = convert(folder, data)
    if as_json:
        document({"sentences": counts})
        return
    for split, count in counts.items():
        typer.echo(f"{data / 'ccg' / 'en' / split}.jsonl: {count:,} sentences")


@app.command("xquad-r")
def xquad_r(
    folder: Annotated[Path, typer.Argument(help="The folder xquad-r of google-research-datasets/lareqa.")],
    data: Annotated[
        Path, typer.Option("--data", envvar="XADAPT_DATA", help="The folder of local datasets to write into.")
    ],
    as_json: Json = False,
) -> None:
    """Write XQuAD-R as the rows that the task lareqa reads from a local folder.

    The hub's copy lacks where sentences begin and end, so the release itself is needed.

    **Examples**

    `xadapt tasks xquad-r lareqa/xquad-r --data data`
    """
    from xadapt.sources.xquad_r import convert

    with written(f"--data {data}", "choose another --data"):
        counts = convert(folder, data)
    if as_json:
        document({"questions": counts})
        return
    for language, count in counts.items():
        typer.echo(f"{data / 'lareqa' / language / 'test.jsonl'}: {count:,} questions")
