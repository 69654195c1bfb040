"""Bytes that stages leave in a store, and what lies beside them there: encoded texts and checkpoints."""

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from xadapt.forecast.modules import recipe_of
from xadapt.forecast.reading import Reading
from xadapt.recipe import Recipe
from xadapt.stages.data import Data, Dev
from xadapt.stages.mixture import Mixture
from xadapt.stages.predict import Predict
from xadapt.stages.train import Train
from xadapt.tasks import task
from xadapt.workflow.stage import Stage

RECORD = {"data": 1200, "baseline": 1400, "score": 1450, "predict": 2300, "train": 3400, "mixture": 6900}
"""Bytes of a record by kind of stage."""
OTHER = 2500
SMALL_FILES = 4500
"""Beside weights."""
PREDICTION = {
    "classification": 34,
    "choice": 31,
    "tagging": 82,
    "span": 75,
    "retrieval": 32,
    "ranking": 200,
    "mining": 65,
}
ITEM = 15
"""Of one prediction by task type, and of what one item contributes to a score."""
ID = 4
DETAIL = {"span": 8, "tagging": 4}
"""Of a token in an encoded text: its number, and by task type where it stands."""
SEQUENCE, ROW = 9, 25
"""Of a sequence and of an item beside their tokens (task_types/flat.py)."""
STATE = 12.0
"""Of a trained weight in a checkpoint: itself and the two means of AdamW."""


def record(kind: str) -> float:
    return float(RECORD.get(kind, OTHER))


@dataclass(frozen=True)
class Beside:
    """What a run needs on the disk beside what its stages leave."""

    encoded: float = 0.0
    """Of texts as tokens, which stay until `xadapt clean`."""
    checkpoints: float = 0.0
    """Of unfinished trainings, at most, each with the one that is about to replace it."""

    @property
    def total(self) -> float:
        return self.encoded + self.checkpoints


def beside(
    stages: Iterable[Stage],
    missing: Sequence[Stage],
    groups: Iterable[Sequence[Stage]],
    states: Mapping[str, float],
    reading: Reading,
    workers: int,
) -> Beside:
    """`states` are the bytes of the state of each missing training, `groups` what runs side by side."""
    to_do = {stage.digest for stage in missing}
    there = {key for stage in stages if stage.digest not in to_do for key in _texts(stage)}
    found: dict[Text, float] = {}
    for stage in missing:
        for key, (data, recipe, kind) in _texts(stage).items():
            if key not in there and key not in found:
                found[key] = _encoded(data, recipe, kind, reading)
    held = sorted((sum(states.get(one.digest, 0.0) for one in group) for group in groups), reverse=True)
    return Beside(sum(found.values()), 2 * sum(held[:workers]))


Text = tuple[str, int, int]
"""Digest of the data, and how they are cut."""


def _texts(stage: Stage) -> dict[Text, tuple[Data, Recipe, str]]:
    """What a stage reads as tokens that are kept."""
    return {
        (data.digest, recipe.max_length, recipe.stride): (data, recipe, kind)
        for data, recipe, kind in _read(stage)
    }


def _read(stage: Stage) -> Iterator[tuple[Data, Recipe, str]]:
    if isinstance(stage, Predict):
        yield from _both(stage.data, stage.dev, recipe_of(stage.module), "predict")
    elif isinstance(stage, Train):
        yield from _both(stage.data, stage.dev, stage.recipe, "train")
    elif isinstance(stage, Mixture):
        for one in (*stage.parts, *([stage.text] if stage.text else [])):
            yield from _both(one.data, one.dev, one.recipe, "train")


def _both(data: Data, dev: Dev | None, recipe: Recipe, kind: str) -> Iterator[tuple[Data, Recipe, str]]:
    # Of a ranking the passages are kept, whoever reads them; its pairs are made from these.
    yield data, recipe, "predict" if task(data.task).type == "ranking" else kind
    if dev is not None:
        yield dev.data, recipe, "dev"


def _encoded(data: Data, recipe: Recipe, kind: str, reading: Reading) -> float:
    many, tokens = reading.items(data, recipe, kind)
    own = reading.of(data).length.sequences * SEQUENCE + ROW
    return many * (tokens * (ID + DETAIL.get(task(data.task).type, 0)) + own)


def free(root: Path) -> int | None:
    """Bytes that are free where a store lies or will lie; None where the system does not say."""
    there = next(path for path in (root.absolute(), *root.absolute().parents) if path.exists())
    try:
        return shutil.disk_usage(there).free
    except OSError:
        return None
