"""CPU seconds to start: `xadapt --help`, and `xadapt plan` of a grid of thousands of stages.

    python benchmarks/startup.py

Each command runs in a process of its own, medians of five, user and system time of the child. The grid has
every intermediate and target task there is, on XLM-R Large, with two recipes. Writes
results/startup_<processor>_<yyyymm>.json.
"""

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

RUNS = 5
GRID = """
[recipe.bottleneck]
method = "bottleneck"
[recipe.lora]
method = "lora"
[intermediate]
tasks = ["mnli", "hellaswag", "squad", "pawsx", "xcopa", "udpos", "panx"]
[target]
tasks = ["xnli", "pawsx", "udpos", "panx", "xquad", "xcopa", "tatoeba"]
compositions = ["alone", "stack(each)", "continue(each)"]
"""


def cpu_seconds(words: list[str]) -> float:
    """User and system time of one run of the command line."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    line = [sys.executable, "-c", "from xadapt.cli.main import main; main()", *words]
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        grid = Path(folder) / "grid.toml"
        grid.write_text(GRID, encoding="utf-8")
        store = ["--store", str(Path(folder) / "runs")]
        commands = {
            "help": ["--help"],
            "plan_grid": ["plan", str(grid), *store],
            "plan_demo": ["plan", "demo", *store],
        }
        times = {name: [cpu_seconds(words) for _ in range(RUNS)] for name, words in commands.items()}
        plan = [
            sys.executable,
            "-c",
            "from xadapt.cli.main import main; main()",
            *commands["plan_grid"],
            "--json",
        ]
        stages = json.loads(subprocess.run(plan, check=True, capture_output=True).stdout)["stages"]
    now = datetime.now(UTC)
    facts = {
        "median_cpu_seconds": {name: round(statistics.median(found), 3) for name, found in times.items()},
        "runs": {name: [round(each, 3) for each in found] for name, found in times.items()},
        "grid_stages": stages,
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "date": now.strftime("%Y-%m"),
    }
    path = Path(__file__).parent / "results" / f"startup_{platform.machine()}_{now:%Y%m}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(facts["median_cpu_seconds"]), sum(stages.values()), "stages")


if __name__ == "__main__":
    main()
