"""`xadapt recommend`"""

from typing import Annotated

import typer

from .options import DEFAULT_STORE, DataPath, Json, Settings, StorePath
from .output import document, stdout

Targets = Annotated[list[str], typer.Argument(help="Tasks to build modules for.", metavar="TARGET...")]
ExperimentFile = Annotated[
    str,
    typer.Option(
        "--experiment",
        help="Whose modules: a file, or a shipped one by name.",
        metavar="EXPERIMENT",
    ),
]
Modules = Annotated[
    str,
    typer.Option(
        "--modules",
        help="`mnli,squad`; every one of the experiment that is in the store when not given.",
        metavar="NAMES",
    ),
]
Languages = Annotated[
    str,
    typer.Option("--languages", help="Whose gains count; else all but English.", metavar="CODES"),
]


def recommend(
    targets: Targets,
    experiment: ExperimentFile,
    modules: Modules = "",
    languages: Languages = "",
    rows: Annotated[int, typer.Option(min=10, help="Training rows of each task that are looked at.")] = 500,
    recipe: Annotated[str, typer.Option(help="Of several in the file; the first when not given.")] = "",
    composition: Annotated[str, typer.Option(help="stack or continue; what the file has.")] = "",
    store: StorePath = DEFAULT_STORE,
    data: DataPath = None,
    settings: Settings = None,
    device: Annotated[
        str, typer.Option("--device", help="auto, cpu, cuda or mps.", rich_help_panel="Where")
    ] = "auto",
    as_json: Json = False,
) -> None:
    """Rank finished intermediate modules for a target, without training the target.

    By LogME and a probe on features of the encoder with each module, by the similarity of texts and of tasks,
    and by what the modules brought to other targets. Where the target has been run, it says what each choice
    would have cost.

    **Examples**

    `xadapt recommend pawsx --experiment demo`

    `xadapt recommend mood --experiment my.toml --modules mnli,squad --languages sw,th --json`
    """
    from xadapt import experiment as experiments
    from xadapt.recommend.content import sections
    from xadapt.recommend.matrix import measured
    from xadapt.recommend.question import question, split
    from xadapt.recommend.recommendation import mean_regrets, recommend
    from xadapt.report.terminal import show_section
    from xadapt.workflow.context import Context
    from xadapt.workflow.store import Store

    asked, kept = experiments.load(experiment, settings, data), Store(store)
    words = split(modules), split(languages)
    # All of them before anything is computed.
    every = [question(asked, kept, name, *words, recipe, composition) for name in dict.fromkeys(targets)]
    context = Context(kept, data=data, device=device)
    made = [recommend(one, measured(one, kept), rows, context) for one in every]
    if as_json:
        means = [one.as_json() for one in mean_regrets(made)]
        document({"targets": [one.as_json() for one in made], "mean_regret": means})
        return
    for section in sections(made):
        show_section(section, stdout())
