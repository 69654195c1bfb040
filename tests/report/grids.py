"""A whole matrix without training: nine intermediate tasks, nine targets, forty languages."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xadapt.experiment import Cell
from xadapt.languages import LANGUAGES
from xadapt.report.table import Result, Row
from xadapt.report.trainings import Attention, Behind, Training

INTERMEDIATE = "anli_plus mnli qqp squad squad_v2 hellaswag ccg cosmos_qa commonsense_qa".split()
TARGETS = "xnli pawsx udpos panx xquad mlqa tydiqa bucc2018 tatoeba".split()
TONGUES = tuple(LANGUAGES)[:40]
ITEMS = 60


@dataclass(frozen=True)
class Scored:
    """As much of a Score as a report reads."""

    digest: str
    task: str
    metric: str = "accuracy"


def results(folder: Path, seeds: int = 1) -> list[Result]:
    """Every cell; the gain grows with the place of the intermediate task, and is less in each next target."""
    return [
        _result(folder, row, task, code, seed)
        for row in range(len(INTERMEDIATE) + 1)
        for task in range(len(TARGETS))
        for code in TONGUES
        for seed in range(seeds)
    ]


def _result(folder: Path, row: int, task: int, code: str, seed: int) -> Result:
    composition = "alone" if row == 0 else f"stack({INTERMEDIATE[row - 1]})"
    digest = hashlib.sha256(f"{row} {task} {code} {seed}".encode()).hexdigest()
    share = 0.5 + (0.05 * (row - 1) - 0.025 * task if row else 0)
    right = np.random.default_rng(int(digest[:8], 16)).random(ITEMS) < share
    place = folder / digest
    place.mkdir()
    (place / "items.json").write_text(json.dumps([[float(each), 1.0] for each in right]))
    cell = Cell(
        TARGETS[task],
        code,
        composition,
        "lora",
        "lora",
        seed,
        Scored(digest, TARGETS[task]),
        selection="last",
    )
    return Result(cell, "ok", 100 * right.mean(), "accuracy", place, items=ITEMS)


def behind() -> Behind:
    """A training for each row and target, and an attention for each target."""
    curve = tuple((10.0 * step, 2.0 / step) for step in range(1, 26))
    trainings = {}
    for number, name in enumerate(["", *INTERMEDIATE]):
        row = Row(f"stack({name})" if name else "alone", "lora")
        for task in TARGETS:
            title = f"train {task} {row.composition}"
            digest = hashlib.sha256(title.encode()).hexdigest()
            trainings[row, task] = (Training(digest, title, 60.0 + 9 * number, 1e6 * (number + 1), curve),)
    even = Attention(tuple(INTERMEDIATE), ((1 / 9,) * 9,) * 24, ("0" * 64,))
    return Behind(trainings, {(Row("fuse(all)", "lora"), task): even for task in TARGETS})
