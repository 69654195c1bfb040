"""`xadapt fetch`"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import DataPath, ExperimentName, Json, Quiet, Settings
from .output import document, note, note_lock, stdout

if TYPE_CHECKING:
    from xadapt.errors import XadaptError
    from xadapt.experiment import Experiment
    from xadapt.sources.fetch import Item, Needs
    from xadapt.workflow.plan import Plan

Prepare = Annotated[
    Path | None,
    typer.Option("--store", help="Also read and check every row, and keep the examples in this store."),
]


def fetch(
    experiment: ExperimentName,
    store: Prepare = None,
    data: DataPath = None,
    settings: Settings = None,
    check: Annotated[bool, typer.Option("--check", help="Verify what is there, without a network.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Lock and download what an experiment reads from the hub; runs then need no network.

    The lock file beside the experiment (`my.toml`: `my.lock`) says which revisions and files the numbers
    come from: commit it. That of a shipped experiment lies in the current folder, so run it from there. To
    move to newer data, remove a table of it.

    **Examples**

    `xadapt fetch my.toml`

    `xadapt fetch my.toml --store /data/runs`

    `xadapt fetch my.toml --check`
    """
    from xadapt import experiment as experiments
    from xadapt.errors import ConfigError
    from xadapt.sources.fetch import Needs
    from xadapt.sources.lock import beside
    from xadapt.workflow.plan import Plan

    if check and store is not None:
        raise ConfigError("--check makes nothing, so it has no --store")
    asked = experiments.load(experiment, settings, data)
    if check:
        found, wrong = _verify(Needs.of(Plan.of(asked.goals()).stages), experiment)
        prepared, code = 0, wrong[0].code if wrong else 0
    else:
        found, prepared, code = _fetched(asked, experiment, store, quiet)
        wrong = []
    if as_json:
        facts = {"experiment": experiment, "lock": str(beside(experiment)), "prepared": prepared}
        document(facts | {"items": found, "wrong": [error.message for error in wrong]})
    else:
        _table(found, wrong)
    return code


def _fetched(
    asked: "Experiment", name: str, store: Path | None, quiet: bool
) -> tuple[list[dict[str, Any]], int, int]:
    """What was downloaded, how many data sets were read into the store, and the exit code."""
    from xadapt import experiment as experiments
    from xadapt import kept
    from xadapt.sources.fetch import Needs
    from xadapt.workflow.store import Store

    fetched, plan = experiments.locked(asked, name)
    needed = Needs.of(plan.stages)
    if needed.items() and not quiet:
        note_lock(name, changed=fetched.lock != asked.lock)
    found = _download(needed, quiet)
    if store is None:
        return found, 0, 0
    Store(store).prepare()
    kept.keep(fetched, name, plan, Store(store))
    return found, *_prepare(plan, store, asked.data_folder, quiet)


def _download(needed: "Needs", quiet: bool) -> list[dict[str, Any]]:
    from xadapt.sources import fetch as fetching

    if quiet:
        # Loaded only here: it takes a while, and what lies on no hub needs none of it.
        from huggingface_hub.utils.tqdm import disable_progress_bars

        disable_progress_bars()
    found: list[dict[str, Any]] = []
    for item, places in fetching.download(needed):
        found.append(_facts(item, places))
        if not quiet:
            note(f"[{len(found)}/{len(needed.items())}] {item.kind} {item.path} {item.part}".rstrip())
    return found


def _verify(needed: "Needs", name: str) -> tuple[list[dict[str, Any]], list["XadaptError"]]:
    """The items that are whole, and what is wrong with the others."""
    from xadapt.errors import DataError, XadaptError

    found: list[dict[str, Any]] = []
    wrong: list[XadaptError] = []
    if needed.unlocked:
        wrong.append(DataError(f"{needed.unlocked} sources are not locked: run `xadapt fetch {name}`"))
    for item in needed.items():
        try:
            found.append(_facts(item, item.places()))
        except XadaptError as error:
            wrong.append(error)
    return found, wrong


def _facts(item: "Item", places: list[Path]) -> dict[str, Any]:
    from xadapt.sources import readers

    rows = 0 if item.kind == "model" else sum(map(readers.count, places))
    facts = {"kind": item.kind, "path": item.path, "revision": item.revision, "part": item.part}
    return facts | {"files": len(item.files), "rows": rows, "bytes": item.size}


def _prepare(plan: "Plan", store: Path, data: Path | None, quiet: bool) -> tuple[int, int]:
    """How many data sets were read into the store, and the exit code."""
    from xadapt.workflow.context import Context
    from xadapt.workflow.plan import Plan
    from xadapt.workflow.store import Store

    from .run import code_of, execute

    part, context = Plan.of(each for each in plan.stages if each.kind == "data"), Context(Store(store), data)
    context.store.prepare()
    ran, failures = execute(part, context, 1, 1, quiet)
    # Of the whole plan: a data set that was read is no goal of the experiment.
    return ran, code_of(failures, plan, context.store) if failures else 0


def _table(found: list[dict[str, Any]], wrong: list["XadaptError"]) -> None:
    out = stdout()
    if not found and not wrong:
        out.print("nothing of it lies on the hub")
        return
    rows: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for each in found:
        rows.setdefault((each["kind"], each["path"], each["revision"]), []).append(each)
    out.print(f"{'':7} {'repository':42} {'revision':12} {'parts':>5} {'files':>5} {'rows':>11} {'MB':>9}")
    for (kind, path, revision), parts in [*rows.items(), (("total", "", ""), found)]:
        files, lines, size = (sum(part[key] for part in parts) for key in ("files", "rows", "bytes"))
        out.print(
            f"{kind:7} {path:42} {revision[:12]:12} {len(parts):5} {files:5} {lines:11,} {size / 1e6:9,.1f}",
            markup=False,
        )
    for error in wrong:
        out.print(f"wrong: {error.message}", markup=False)
