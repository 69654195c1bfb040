"""A small experiment, its plan, and this machine as a device whose figures are round."""

from pathlib import Path

from xadapt import experiment as experiments
from xadapt.experiment import Experiment
from xadapt.forecast.device import Calibration, Cost
from xadapt.forecast.machine import processor
from xadapt.forecast.model import Model
from xadapt.memory.sizes import Sizes
from xadapt.workflow.plan import Plan

SMALL = """
[model]
name = "toyworld"
[data]
world = "toyworld"
languages = ["en", "qaa"]
train_rows = 48
test_rows = 24
[recipe.a]
method = { name = "bottleneck", reduction_factor = 8 }
batch = 8
pooling = "max"
steps = 6
[intermediate]
tasks = ["mnli", "squad"]
[target]
tasks = ["xnli", "xquad", "mlqa"]
compositions = ["alone", "stack(each)", "fuse(all)"]
"""
TOY = Sizes(4, 128, 4, 384, 2500, 258)


def planned(folder: Path, text: str = SMALL, name: str = "small.toml") -> tuple[Experiment, Plan]:
    path = folder / name
    path.write_text(text)
    asked = experiments.load(str(path))
    return asked, Plan.of(asked.goals())


def calibration(**changes: object) -> Calibration:
    costs = {
        "train bottleneck alone": Cost(stage=1.0, step=0.1, token=1e-3),
        "train bottleneck stack": Cost(stage=2.0, step=0.1, token=1e-3),
        "train bottleneck fuse few": Cost(stage=1.0, step=0.1, token=1e-3),
        "train bottleneck fuse many": Cost(stage=1.0, step=0.1, token=3e-3),
        "predict bottleneck alone": Cost(stage=0.5, token=1e-4),
        "baseline span": Cost(stage=0.1),
        "score span": Cost(stage=0.01),
        "data toyworld": Cost(stage=0.01, row=1e-3),
    }
    facts = {
        "name": processor(),
        "threads": 1,
        "precision": "fp32",
        "clock": "cpu",
        "date": "2026-01-01",
        "model": Model("toyworld", TOY),
        "packages": {},
        "costs": costs,
        "mixed": (0.125, 3.0),
        "type": "cpu",
    }
    return Calibration(**facts | changes)
