"""`xadapt run`"""

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .beside import Memory, Together, running
from .options import DEFAULT_STORE, DataPath, ExperimentName, Json, Quiet, Settings, StorePath
from .output import document, note, note_lock

if TYPE_CHECKING:
    from xadapt.experiment import Experiment
    from xadapt.workflow.attempt import Outcome
    from xadapt.workflow.context import Context
    from xadapt.workflow.plan import Fits, Plan
    from xadapt.workflow.stage import Stage
    from xadapt.workflow.store import Store

Device = Annotated[
    Literal["auto", "cpu", "cuda", "mps"],
    typer.Option(help="What computes; auto is a GPU where there is one.", rich_help_panel="Where"),
]
Precision = Annotated[
    Literal["auto", "fp32", "bf16"],
    typer.Option(help="Of frozen weights; auto is bf16 on a GPU that has it.", rich_help_panel="Where"),
]
Workers = Annotated[int, typer.Option(min=1, help="Processes that share the cores.", rich_help_panel="Where")]
Only = Annotated[
    str,
    typer.Option(help="Run one stage and what it needs.", metavar="DIGEST", rich_help_panel="One stage"),
]
Again = Annotated[
    bool,
    typer.Option(
        "--again", help="With --only: make it anew and compare the files.", rich_help_panel="One stage"
    ),
]


def run(
    experiment: ExperimentName,
    store: StorePath = DEFAULT_STORE,
    data: DataPath = None,
    device: Device = "auto",
    precision: Precision = "auto",
    workers: Workers = 1,
    together: Together = None,
    memory: Memory = "",
    settings: Settings = None,
    only: Only = "",
    again: Again = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Run what is missing of an experiment; run again after anything, it continues.

    **Examples**

    `xadapt run demo --workers 2`

    `xadapt run my.toml --set recipe.lora.lr=1e-4 --store /data/runs`

    `xadapt run my.toml --memory 8GB --together 9`

    `xadapt run my.toml --only 3fa9c1d2 --again`
    """
    from xadapt import environment, kept
    from xadapt.errors import ConfigError
    from xadapt.workflow.context import Context
    from xadapt.workflow.execute import set_aside_broken
    from xadapt.workflow.store import Store

    if again and not only:
        raise ConfigError("--again needs --only DIGEST")
    environment.check_device(device)
    context = Context(store=Store(store), data=data, device=device, precision=precision)
    asked, whole = _ready(experiment, settings, context, quiet)
    plan = whole.only(only) if only else whole
    if again:
        context, *_ = running(whole, context, together, memory, workers, plan.stages[-1:])
        return _again(plan, whole, context, as_json)
    context.store.prepare()
    broken = set_aside_broken(plan, context.store)
    if broken and not quiet:
        titles = ", ".join(stage.title() for stage in plan.stages if stage.digest in broken)
        note(f"changed since written, set aside in {store / '.quarantine'} and made again: {titles}")
    missing = list(plan.missing(context.store))
    context, most, fits = running(whole, context, together, memory, workers, missing)
    kept.keep(asked, experiment, whole, context.store)
    ran, failures = execute(plan, context, workers, most, quiet, fits, broken)
    left = len(list(plan.missing(context.store)))
    _say(_report(experiment, context, settings), plan, context, ran, left, failures, as_json, quiet)
    return code_of(failures, plan, context.store)


def _ready(
    experiment: str, settings: list[str] | None, context: "Context", quiet: bool
) -> tuple["Experiment", "Plan"]:
    """The experiment with everything that it reads locked, and its plan."""
    from xadapt import experiment as experiments

    given = experiments.load(experiment, settings, context.data)
    asked, plan = experiments.ready(given, experiment, context.store)
    if asked.lock != given.lock and not quiet:
        note_lock(experiment, changed=True)
    return asked, plan


def _again(plan: "Plan", whole: "Plan", context: "Context", as_json: bool) -> int:
    from xadapt.errors import IntegrityError
    from xadapt.workflow.again import make_again

    stage = plan.stages[-1]
    found = make_again(stage, context, whole.stages)
    if as_json:
        files = {"same": list(found.same), "different": list(found.different)}
        document({"digest": found.digest, "identical": found.identical} | files)
    else:
        verdict = "identical" if found.identical else f"{', '.join(found.different)} differ"
        typer.echo(f"{stage.title()} {found.digest[:12]}: {verdict}")
    return 0 if found.identical else IntegrityError.code


def execute(
    plan: "Plan",
    context: "Context",
    workers: int,
    together: int,
    quiet: bool,
    fits: "Fits | None" = None,
    broken: set[str] | None = None,
) -> tuple[int, list[tuple["Outcome", str]]]:
    """How many stages ran, one that replaces a corrupt result included, and what failed with the reason.

    `broken` as of `set_aside_broken`, where that was asked already.
    """
    from xadapt.workflow.execute import run as run_plan
    from xadapt.workflow.store import described

    from .progress import Progress

    missing = list(plan.missing(context.store))
    if not quiet and (together > 1 or fits):
        _say_packed(plan, missing, together, fits)
    progress = Progress(missing, context.store, quiet)
    ran, failures = 0, []
    try:
        shown = replace(context, progress=progress.facts)
        for outcome in run_plan(plan, shown, workers=workers, together=together, fits=fits, broken=broken):
            reason = described(outcome.error) if outcome.error else ""
            progress.outcome(outcome, reason)
            ran += outcome.status == "done"
            if outcome.status == "failed":
                failures.append((outcome, reason))
    finally:
        progress.close()
    return ran, failures


def _say_packed(plan: "Plan", missing: list["Stage"], together: int, fits: "Fits | None") -> None:
    from xadapt.forecast.packing import said

    left = {stage.digest for stage in missing}
    groups = [[stage for stage in group if stage.digest in left] for group in plan.groups(together, fits)]
    if line := said(groups):
        note(line)


def _report(experiment: str, context: "Context", settings: list[str] | None) -> str:
    """The command that shows what was run: of another folder or with other settings, it is another table."""
    words = ["xadapt", "report", experiment, "--store", str(context.store.root)]
    words += ["--data", str(context.data)] if context.data else []
    return shlex.join([*words, *(word for setting in settings or () for word in ("--set", setting))])


def _say(
    report: str,
    plan: "Plan",
    context: "Context",
    ran: int,
    left: int,
    failures: list[tuple["Outcome", str]],
    as_json: bool,
    quiet: bool,
) -> None:
    store, there = context.store.root, len(plan.stages) - ran - left
    if as_json:
        failed = [
            {"digest": outcome.stage.digest, "stage": outcome.stage.title(), "error": reason}
            for outcome, reason in failures
        ]
        document({"ran": ran, "cached": there, "missing": left, "failed": failed, "store": str(store)})
    if not quiet:
        stages = "stage" if ran == 1 else "stages"
        note(f"{ran} {stages} ran, {there} were there, {left} are missing ({len(failures)} failed)")
        note(f"see: {report}")


def code_of(failures: list[tuple["Outcome", str]], plan: "Plan", store: "Store") -> int:
    """0 when nothing is missing; the code that all failures share when no goal was reached; else 10."""
    from xadapt.errors import SOME_FAILED, XadaptError

    if not any(plan.missing(store)):
        return 0
    errors = (outcome.error for outcome, _ in failures)
    codes = {error.code if isinstance(error, XadaptError) else 1 for error in errors}
    reached = any(goal in store for goal in plan.goals())
    return codes.pop() if len(codes) == 1 and not reached else SOME_FAILED
