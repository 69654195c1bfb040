"""`xadapt run`"""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from .options import DEFAULT_STORE, DataPath, ExperimentName, Json, Quiet, Settings, StorePath
from .output import Progress, document

Workers = Annotated[
    int, typer.Option("--workers", min=1, help="Processes that share the cores.", rich_help_panel="Where")
]
Together = Annotated[
    int,
    typer.Option("--together", min=1, help="Trainings side by side in one process.", rich_help_panel="Where"),
]


def run(
    experiment: ExperimentName,
    store: StorePath = DEFAULT_STORE,
    data: DataPath = None,
    device: Annotated[
        str, typer.Option("--device", help="auto, cpu, cuda or mps.", rich_help_panel="Where")
    ] = "auto",
    precision: Annotated[
        str, typer.Option("--precision", help="auto, fp32 or bf16.", rich_help_panel="Where")
    ] = "auto",
    workers: Workers = 1,
    together: Together = 1,
    settings: Settings = None,
    only: Annotated[
        str, typer.Option("--only", help="Run only this stage and what it needs.", metavar="DIGEST")
    ] = "",
    again: Annotated[
        bool, typer.Option("--again", help="With --only: make it a second time and compare the files.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Run what is missing of an experiment; run again after anything, it continues.

    **Examples**

    `xadapt run demo --workers 2`

    `xadapt run my.toml --set recipe.lora.lr=1e-4 --store /data/runs`

    `xadapt run my.toml --only 3fa9c1d2 --again`
    """
    from xadapt import experiment as experiments
    from xadapt import toml
    from xadapt.errors import SOME_FAILED, ConfigError, UnknownName
    from xadapt.explain import make_again
    from xadapt.workflow.context import Context
    from xadapt.workflow.execute import run as execute
    from xadapt.workflow.plan import Plan
    from xadapt.workflow.store import Store, write_atomically

    asked = experiments.load(experiment, settings, data)
    plan = Plan.of(asked.goals())
    kept = Store(store)
    context = Context(store=kept, data=data, device=device, precision=precision)
    if only:
        chosen = [stage for stage in plan.stages if stage.digest.startswith(only)]
        if len(chosen) != 1:
            raise UnknownName(f"--only {only}: {len(chosen)} stages of {experiment} start so")
        plan = Plan.of(chosen)
    if again:
        if not only:
            raise ConfigError("--again needs --only DIGEST")
        same, line = make_again(plan.stages[-1], context)
        document({"digest": plan.stages[-1].digest, "identical": same}) if as_json else typer.echo(line)
        return 0 if same else 5
    text = toml.write(experiments.resolved(asked))
    copy = (
        store
        / ".experiments"
        / f"{Path(experiment).stem}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.toml"
    )
    copy.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(copy, text)
    missing = list(plan.missing(kept))
    progress = Progress(len(missing), quiet)
    context = replace(context, progress=progress.facts)
    failures = []
    for outcome in execute(plan, context, workers=workers, together=together):
        progress.outcome(outcome.stage.title(), outcome.status, str(outcome.error or ""))
        if outcome.status == "failed":
            failures.append(outcome)
    left = list(plan.missing(kept))
    if as_json:
        failed = [
            {"digest": o.stage.digest, "stage": o.stage.title(), "error": str(o.error)} for o in failures
        ]
        document({"ran": len(missing) - len(left), "cached": len(plan.stages) - len(missing),
                  "missing": len(left), "failed": failed, "store": str(store)})  # fmt: skip
    elif not quiet:
        ran = f"{len(missing) - len(left)} stages ran, {len(plan.stages) - len(missing)} were there"
        typer.echo(
            f"{ran}, {len(left)} are missing; see: xadapt report {experiment} --store {store}", err=True
        )
    if len(failures) == len(missing) == 1 and hasattr(failures[0].error, "code"):
        return int(failures[0].error.code)
    return SOME_FAILED if left else 0
