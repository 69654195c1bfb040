"""A store with real test examples of the toy world, predictions written by hand, and their real scores."""

import json
import random
from pathlib import Path
from typing import Any

from xadapt import examples, experiment
from xadapt.examples import Passage, Question, Tagging
from xadapt.experiment import Experiment
from xadapt.tasks import task
from xadapt.workflow.context import Context
from xadapt.workflow.store import Store

TEXT = """
[model]
name = "toyworld"
[data]
world = "toyworld"
languages = ["en", "qaa"]
test_rows = 25
[reading]
layer = 4
[recipe.small]
steps = 1
[intermediate]
tasks = ["mnli", "squad"]
[target]
tasks = ["xnli", "pawsx", "udpos", "panx", "xquad", "tatoeba"]
compositions = ["alone", "fuse(all)"]
"""
TASKS = ("xnli", "pawsx", "udpos", "panx", "xquad", "tatoeba")


def load(folder: Path, text: str = TEXT) -> Experiment:
    path = folder / "e.toml"
    path.write_text(text, encoding="utf-8")
    return experiment.load(str(path))


def fill(asked: Experiment, store: Store, composition: str = "alone") -> None:
    """Every score of one composition, about a third of the predictions wrong."""
    context = Context(store, data=asked.data_folder)
    for cell in asked.cells():
        if cell.score is not None and cell.composition == composition:
            data, predict = cell.score.predictions.data, cell.score.predictions
            if data not in store:
                with store.writing(data) as work:
                    work.notes |= data.run(work.out, context)
            found = list(examples.read(store.path(data) / "examples.jsonl", task(cell.task).type))
            with store.writing(predict) as work:
                lines = (
                    json.dumps({"id": e.id, "prediction": p})
                    for e, p in zip(examples.asked(found), _predicted(found), strict=True)
                )
                (work.out / "predictions.jsonl").write_text("".join(f"{line}\n" for line in lines))
            with store.writing(cell.score) as work:
                cell.score.run(work.out, context)


def _predicted(found: list[Any]) -> list[Any]:
    """The right ones, but for a third of the examples something else."""
    draw = random.Random(1)
    queries = examples.asked(found)
    gold = examples.gold(queries)
    return [
        _answer(example, right if draw.random() < 0.66 else draw.choice(gold))
        for example, right in zip(queries, gold, strict=True)
    ]


def _answer(example: Any, answer: Any) -> Any:
    """`answer` in the form of a prediction: as many tags as words, one text, one mined pair, one ranking."""
    if isinstance(example, Tagging):
        return [answer[i % len(answer)] for i in range(len(example.words))]
    if isinstance(example, Question):
        return answer[0]
    if isinstance(example, Passage):
        return {"targets": list(answer), "score": len(example.text)} if answer else None
    return answer
