"""A store with scores that were written by hand, so that a report can be checked without training."""

import json
from pathlib import Path

from xadapt import experiment
from xadapt.experiment import Cell, Experiment
from xadapt.stages.score import Score
from xadapt.workflow.store import Store

TEXT = """
[model]
name = "toyworld"
[data]
world = "toyworld"
languages = ["en", "qaa", "qab"]
[reading]
layer = 4
[recipe.small]
method = { name = "bottleneck", reduction_factor = 16 }
[recipe.large]
method = { name = "bottleneck", reduction_factor = 2 }
[intermediate]
tasks = ["mnli", "squad"]
[target]
tasks = ["pawsx", "xcopa", "tatoeba"]
compositions = ["alone", "stack(mnli)", "fuse(all)"]
"""
ITEMS = 50


def load(folder: Path, text: str = TEXT) -> Experiment:
    path = folder / "e.toml"
    path.write_text(text, encoding="utf-8")
    return experiment.load(str(path))


def right(cell: Cell) -> int:
    """How many of the items a cell gets right: other for each row, so that mixed-up rows show."""
    row = {"hypothesis-only": 6, "majority": 8, "baseline": 10, "alone": 20, "stack(mnli)": 30}.get(
        cell.composition, 35
    )
    return row + {"en": 8, "qaa": 4}.get(cell.language, 0) + (5 if cell.recipe == "large" else 0)


def write(store: Store, score: Score, right: int, collapsed: bool = False, at_chance: bool = False) -> None:
    """Of answers, exact matches are 5 fewer than right ones, and 5 more have full F1."""
    few, many = (right - 5, right + 5) if score.metric == "squad" else (right, right)
    rows = [[float(i < few), *([float(i < many)] if few < many else []), 1.0] for i in range(ITEMS)]
    value, exact, f1 = (100 * count / ITEMS for count in (right, few, many))
    metrics = {"em_f1": value, "exact_match": exact, "f1": f1} if few < many else {"accuracy": value}
    name = next(iter(metrics))
    facts = {"value": value, "metric": name, "metrics": metrics, "n": ITEMS, "collapsed": collapsed}
    facts |= {"at_chance": True} if at_chance else {}
    with store.writing(score) as work:
        (work.out / "score.json").write_text(json.dumps(facts))
        (work.out / "items.json").write_text(json.dumps(rows))


def fill(found: Experiment, store: Store) -> None:
    """Every score of the experiment."""
    for cell in found.cells():
        if cell.score is not None and cell.score not in store:
            write(store, cell.score, right(cell))
