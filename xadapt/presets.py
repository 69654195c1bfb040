"""Published hyperparameters as data: `preset = "xtreme"` in a `[recipe.NAME]` of an experiment file.

Both are of full fine-tuning of XLM-R Large; a module usually wants a higher learning rate, and the file's own
values win. AdamW with epsilon 1e-8, linear decay and no decay of biases and norms is what the loop does
anyway. Not part of a preset: both choose the best checkpoint by English dev data, jiant by 500 rows of it.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from xadapt.tasks import task
from xadapt.toml import Document

Name = Literal["xtreme", "jiant"]
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Preset:
    """Fields of a recipe: for every task, then for task types, then for single tasks; the last one wins."""

    source: str
    every: Values
    type: Mapping[str, Values] = field(default_factory=dict)
    task: Mapping[str, Values] = field(default_factory=dict)


_TAGGING = {"lr": 2e-5, "epochs": 10.0}
_QUESTIONS = {"lr": 3e-5, "epochs": 3.0, "warmup": 500.0, "weight_decay": 1e-4}
_CHOICE = {"lr": 3e-5, "epochs": 5.0}
_WINDOWS = {"max_length": 384, "stride": 128}

PRESETS: dict[Name, Preset] = {
    "xtreme": Preset(
        "google-research/xtreme at 838c13b6, scripts/*.sh; other tasks have no learning rate or epochs there",
        every={"batch": 32, "max_length": 128, "warmup": 0.0, "weight_decay": 0.0, "clip": 1.0},
        type={"span": _WINDOWS},
        task={
            "mnli": {"lr": 3e-5, "epochs": 5.0},
            "pawsx": {"lr": 2e-5, "epochs": 5.0},
            "udpos": _TAGGING,
            "panx": _TAGGING,
            "squad": _QUESTIONS,
            "tydiqa": _QUESTIONS,
            "social_iqa": _CHOICE,
            "copa": _CHOICE,
            "xcopa": _CHOICE,
            "lareqa": {"lr": 2e-5, "epochs": 3.0, "batch": 16, "max_length": 256},
            "mewslix": {"lr": 1e-5, "epochs": 2.0, "max_length": 64},
        },
    ),
    "jiant": Preset(
        "nyu-mll/jiant at daa5a258, scripts/benchmarks/xtreme and the defaults of its simple interface",
        every={
            "lr": 1e-5,
            "epochs": 3.0,
            "batch": 32,
            "max_length": 256,
            "warmup": 0.1,
            "weight_decay": 0.01,
            "clip": 1.0,
        },
        type={"span": _WINDOWS},
        task={
            "mnli": {"epochs": 2.0},
            "pawsx": {"epochs": 5.0},
            "udpos": {"epochs": 10.0},
            "panx": {"epochs": 10.0},
            "squad": {"epochs": 2.0, "batch": 16},
            "tydiqa": {"epochs": 2.0, "batch": 16},
        },
    ),
}


def expand(document: Document) -> Document:
    """The values of each recipe's preset written out, where the file says nothing of its own.

    What has another shape than a recipe is left to the reader of the file.
    """
    recipes = document.table.get("recipe")
    if not isinstance(recipes, dict):
        return document
    whole = {label: _expanded(own) if _named(own) else own for label, own in recipes.items()}
    return dataclasses.replace(document, table=document.table | {"recipe": whole})


def _named(own: Any) -> bool:
    if not isinstance(own, dict) or own.get("preset") not in get_args(Name):
        return False
    below = [own.get("type", {}), own.get("task", {})]
    return all(isinstance(each, dict) and all(isinstance(v, dict) for v in each.values()) for each in below)


def _expanded(own: dict[str, Any]) -> dict[str, Any]:
    preset = PRESETS[own["preset"]]
    types, tasks = own.get("type", {}), own.get("task", {})
    of_types = {kind: _without(values, own) for kind, values in preset.type.items()}
    of_tasks = {
        name: _without(values, own, types.get(task(name).type, {})) for name, values in preset.task.items()
    }
    return {**preset.every, **own, "type": _under(of_types, types), "task": _under(of_tasks, tasks)}


def _under(preset: Mapping[str, Values], own: Mapping[str, Values]) -> dict[str, Values]:
    """The tables of both, the file's own values over the preset's."""
    return {name: {**preset.get(name, {}), **own.get(name, {})} for name in {**preset, **own}}


def _without(values: Values, *said: Values) -> dict[str, Any]:
    """What of a preset's values the file does not say more broadly itself."""
    return {name: value for name, value in values.items() if not any(name in each for each in said)}
