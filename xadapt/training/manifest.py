"""What a trained composition is, in one file beside its weights, checked when it is loaded.

`composition.json` says the composition as text, the digests of its parts in order, the encoder it was
trained on, the label names of each head in order, and how its weights were selected.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from xadapt.errors import IntegrityError, nearest
from xadapt.modeling.folders import read_facts
from xadapt.recipe import ModelSpec
from xadapt.stages.encoder import Encoder
from xadapt.stages.mixture import Mixture
from xadapt.stages.train import Train, named
from xadapt.workflow.digest import canonical

NAME = "composition.json"
FORMAT = 1


def write(folder: Path, stage: Train | Mixture, labels: Mapping[str, Sequence[str]]) -> None:
    """`labels` are those of each task's head, in its order."""
    facts = {
        "format": FORMAT,
        "trained": str(stage.expression),
        "composition": str(named(stage.base)),
        "parts": [part.digest for part in stage.base.parts],
        "model": canonical(stage.model),
        "heads": {task: list(names) for task, names in labels.items()},
        "selection": {"select": stage.recipe.select, "snapshots": stage.recipe.snapshots},
    }
    (folder / NAME).write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def check(folder: Path, stage: Train | Mixture, model: ModelSpec | Encoder | None) -> None:
    """Raise IntegrityError for other parts, another order of them or another encoder than `model`.

    Folders of before have no such file.
    """
    if (facts := _facts(folder)) is None:
        return
    parts = [part.digest for part in stage.base.parts]
    if facts.get("parts") != parts:
        made, here = _short(facts.get("parts")), _short(parts)
        raise _wrong(folder, stage, f"its parts are {made}, here they are {here}")
    if model is not None and facts.get("model") != canonical(model):
        made, here = _model(facts.get("model")), _model(canonical(model))
        raise _wrong(folder, stage, f"it was trained on {made}, the encoder here is {here}")


def check_head(folder: Path, stage: Train, labels: Sequence[str]) -> None:
    """Raise IntegrityError for a head that is not there, or whose labels are others or in another order."""
    if (facts := _facts(folder)) is None:
        return
    heads, task = facts.get("heads", {}), str(stage.task)
    if task not in heads:
        raise _wrong(folder, stage, f"it has no head for {task!r}{nearest(task, heads)}")
    if heads[task] != list(labels):
        raise _wrong(folder, stage, f"the labels of its head are {heads[task]}, here they are {list(labels)}")


def _facts(folder: Path) -> dict[str, Any] | None:
    place = folder / NAME
    if not place.exists():
        return None
    facts = read_facts(place)
    if facts.get("format") != FORMAT:
        raise IntegrityError(f"{place}: format = {facts.get('format')!r}; supported is {FORMAT}")
    return facts


def _wrong(folder: Path, stage: Train | Mixture, why: str) -> IntegrityError:
    return IntegrityError(f"{folder / NAME}: {stage.title()}: {why}", digest=stage.digest)


def _short(digests: Any) -> str:
    return ", ".join(str(digest)[:12] for digest in digests or ()) or "none"


def _model(facts: Any) -> str:
    """Name and revision, or the digest of an encoder that was made here."""
    known = facts if isinstance(facts, dict) else {}
    content = str(known.get("revision", known.get("digest", "")))
    return f"{known.get('name', 'encoder')} {content[:12]}".strip()
