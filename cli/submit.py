"""`xadapt submit`"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from xadapt.errors import ConfigError

from .options import DEFAULT_STORE, DataPath, ExperimentName, Json, Settings, StorePath
from .output import document, note, stdout

if TYPE_CHECKING:
    from xadapt.submission.folder import Checked


Composition = Annotated[
    str, typer.Option("--composition", help="Whose predictions: alone, stack(mnli), ...", metavar="TEXT")
]
Recipe = Annotated[str | None, typer.Option("--recipe", help="Where the file has several.", metavar="NAME")]
Seed = Annotated[int | None, typer.Option("--seed", help="Where the file has several.")]
Output = Annotated[
    Path | None, typer.Option("--output", help="The folder to write: new, or empty.", metavar="FOLDER")
]
Check = Annotated[
    Path | None, typer.Option("--check", help="A written folder to read again from disk.", metavar="FOLDER")
]
Benchmark = Annotated[
    Literal["xtreme", "xtreme-r"] | None,
    typer.Option("--benchmark", help="That of the experiment when not given."),
]
Only = Annotated[
    list[str] | None, typer.Option("--task", help="Only this task. May be repeated.", metavar="TASK")
]


def submit(
    experiment: ExperimentName,
    composition: Composition,
    recipe: Recipe = None,
    seed: Seed = None,
    output: Output = None,
    check: Check = None,
    benchmark: Benchmark = None,
    only: Only = None,
    store: StorePath = DEFAULT_STORE,
    data: DataPath = None,
    settings: Settings = None,
    as_json: Json = False,
) -> None:
    """Write the XTREME or XTREME-R submission folder from stored predictions, or check a written one.

    Counts, order, languages and labels are checked on disk, and the scores made again from there, before
    the folder gets its name.

    **Examples**

    `xadapt submit my.toml --composition "stack(mnli)" --output submission`

    `xadapt submit my.toml --composition "stack(mnli)" --check submission`

    `xadapt submit my.toml --composition alone --task xnli --task pawsx --output part`
    """
    from xadapt import experiment as experiments
    from xadapt.submission import folder
    from xadapt.submission.entries import entries
    from xadapt.submission.system import system
    from xadapt.workflow.store import Store

    place = output or check
    if place is None or (output and check):
        raise ConfigError("give one of --output FOLDER, to write, and --check FOLDER, to read again")
    asked, kept = experiments.load(experiment, settings, data), Store(store)
    of, name = system(asked, composition, recipe, seed), benchmark or asked.target.benchmark
    files = entries(asked, of, name, kept, only or ())
    found = folder.write(place, files, kept) if output else folder.check(place, files, kept)
    if asked.data.world == "toyworld":
        note("the toy world has its own languages: this folder has the form of a submission, it is none")
    if as_json:
        facts = {"submission": str(place), "benchmark": name, "files": [each.as_json() for each in found]}
        document(facts | {"composition": of.composition, "recipe": of.recipe, "seed": of.seed})
    else:
        _show(found, place)


def _show(found: "list[Checked]", place: Path) -> None:
    """One line a task: its files, and the mean of their scores."""
    out = stdout()
    for name in dict.fromkeys(each.entry.task.name for each in found):
        values = [each.value for each in found if each.entry.task.name == name]
        out.print(f"{name:10} {len(values):3} files   mean {sum(values) / len(values):5.1f}", markup=False)
    out.print(f"{place}: {len(found)} files, checked, and scored from disk as in the store", markup=False)
