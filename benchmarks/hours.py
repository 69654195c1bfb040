"""Hours of a plan against what it took: this device is calibrated, then a small matrix runs on it.

    python benchmarks/hours.py [--device cuda] [--shape large] [--steps 60] [--write] [--quick]

The matrix is that of `matrix.py`, run by xadapt with its trainings one by one and side by side, on the
encoder that was calibrated with. Of the calibration only what the matrix needs is measured, and data are
left out. `ratio` is forecast over actual, by kind of stage: the bar is 25 %. What was actual is wall time, so
that on a CPU nothing else may run.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from command import asked as asked_for
from command import parser
from matrix import FILE, by_xadapt, context, encoder_folder, planned
from measuring import keep

from xadapt.experiment.models import planned as spec_of
from xadapt.forecast.check import check
from xadapt.forecast.device import Calibration
from xadapt.forecast.measure import measure as calibrate
from xadapt.recipe import ModelSpec
from xadapt.sources.lock import Lock
from xadapt.stages.data import Data
from xadapt.workflow.plan import Plan

FORMS = ("bottleneck alone", "bottleneck stack")


def calibrated(folder: Path, asked: argparse.Namespace) -> Calibration:
    spec = spec_of(ModelSpec(name="random", folder=str(folder / "encoder")), Lock())
    given = {"device": asked.device, "precision": asked.precision, "only": FORMS}
    return calibrate(spec, torch.get_num_threads(), say=lambda text: print(text, file=sys.stderr), **given)


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        encoder_folder(asked.shape, folder / "encoder")
        made = calibrated(folder, asked)
        sizes = {"train": asked.steps * asked.batch, "test": asked.test, "steps": asked.steps}
        (folder / "matrix.toml").write_text(FILE.format(batch=asked.batch, **sizes), encoding="utf-8")
        plan, found = planned(folder), {}
        for name, together in (("one by one", 1), ("side by side", len(plan.stages))):
            own = context(folder / name, asked)
            by_xadapt(Plan.of(stage for stage in plan.stages if isinstance(stage, Data)), own, 1)
            by_xadapt(plan, own, together)
            kinds = check(plan, own.store, made, None).kinds
            found[name] = {kind: pair.facts() for kind, pair in kinds.items() if kind != "data"}
    costs = {name: asdict(cost) for name, cost in made.costs.items()}
    return (
        found | {"beside": made.beside, "apart": made.apart, "costs": costs} | sizes | {"batch": asked.batch}
    )


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--steps", type=int, help="of each training")
    made.add_argument("--batch", type=int, default=16)
    made.add_argument("--test", type=int, help="sentences of each language")
    asked, device = asked_for(made, cpu="small")
    on_gpu = device.type == "cuda"
    asked.steps = 10 if asked.quick else asked.steps or (60 if on_gpu else 20)
    asked.test = 20 if asked.quick else asked.test or (500 if on_gpu else 60)
    found = measure(asked)
    print(json.dumps({asked.shape: found}, indent=2))
    if asked.write:
        keep("hours", asked.shape, found, device)


if __name__ == "__main__":
    main()
