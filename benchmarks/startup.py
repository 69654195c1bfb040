"""CPU seconds to start: `xadapt --help`, `xadapt plan` of a grid of thousands of stages, and a re-run of it.

    python benchmarks/startup.py [--quick]

Each command runs in a process of its own, medians of five after one that does not count, user and system time
of the child. The grid is the experiment `xstilts`: nine intermediate tasks and nine targets in all their
languages, on XLM-R Large. `plan_grid_cached` and `run_grid_cached` find every stage finished, in a store of
made-up results: `plan` says so, and a run reads and checks all and has nothing to do. Writes
results/startup_<processor>_<yyyymm>.json.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RUNS = 5
GRID = "xstilts"
MAIN = "from xadapt.cli.main import main; main()"
AGAIN = """
import sys
from pathlib import Path
from xadapt import experiment
from xadapt.workflow.context import Context
from xadapt.workflow.execute import run
from xadapt.workflow.plan import Plan
from xadapt.workflow.store import Store
plan = Plan.of(experiment.load(sys.argv[1]).goals())
assert not list(run(plan, Context(Store(Path(sys.argv[2])))))
"""
"""What `xadapt run` does once the lock is read."""


def cpu_seconds(code: str, words: list[str]) -> float:
    """User and system time of one run."""
    # Where Python may keep no bytecode, each start would compile what an installed xadapt has compiled.
    own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code, *words], check=True, stdout=subprocess.DEVNULL, env=own)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def finish(grid: str, root: Path) -> dict[str, int]:
    """A store in which every stage of the grid is finished, each with one file; stages by kind."""
    from xadapt import experiment
    from xadapt.workflow.plan import Plan
    from xadapt.workflow.store import Store

    store = Store(root)
    store.prepare()
    plan = Plan.of(experiment.load(grid).goals())
    for stage in plan.stages:
        with store.writing(stage) as work:
            (work.out / "made_up.jsonl").write_text(
                '{"id": "0", "prediction": "none"}\n' * 50, encoding="utf-8"
            )
    return dict(plan.count())


def measured(grid: str, runs: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        full = Path(folder) / "full"
        store = ["--store", str(Path(folder) / "runs")]
        stages = finish(grid, full)
        commands = {
            "help": (MAIN, ["--help"]),
            "plan_grid": (MAIN, ["plan", grid, *store]),
            "plan_demo": (MAIN, ["plan", "demo", *store]),
            "plan_grid_cached": (MAIN, ["plan", grid, "--store", str(full)]),
            "run_grid_cached": (AGAIN, [grid, str(full)]),
        }
        for line in commands.values():
            cpu_seconds(*line)
        times = {name: [cpu_seconds(*line) for _ in range(runs)] for name, line in commands.items()}
    return {
        "median_cpu_seconds": {name: round(statistics.median(found), 3) for name, found in times.items()},
        "runs": {name: [round(each, 3) for each in found] for name, found in times.items()},
        "grid_stages": stages,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="a smoke run of a small grid that writes nothing"
    )
    quick = parser.parse_args().quick
    found = measured("demo", 1) if quick else measured(GRID, RUNS)
    print(json.dumps(found["median_cpu_seconds"]), sum(found["grid_stages"].values()), "stages")
    if quick:
        return
    now = datetime.now(UTC)
    machine = {"processor": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()}
    path = Path(__file__).parent / "results" / f"startup_{platform.machine()}_{now:%Y%m}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(found | machine | {"date": f"{now:%Y-%m}"}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
