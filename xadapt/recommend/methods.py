"""What each method says of the modules of a question."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np

from xadapt.experiment.modules import Maker
from xadapt.recommend.embedding import alike, task_vectors
from xadapt.recommend.features import LABELLED, sample, seen, text_vector
from xadapt.recommend.logme import logme
from xadapt.recommend.probe import probe
from xadapt.recommend.question import Question, data, trained_on
from xadapt.stages.train import Train
from xadapt.tasks import task
from xadapt.workflow.context import Context
from xadapt.workflow.execute import run
from xadapt.workflow.plan import Plan

Method = Literal["logme", "text", "task", "probe", "prior"]
TITLES: Mapping[Method, str] = {
    "logme": "LogME",
    "text": "text similarity",
    "task": "task similarity",
    "probe": "probe",
    "prior": "other targets",
}


class Said(NamedTuple):
    """Method -> module -> score, and what the bare encoder has of those that can tell."""

    scores: dict[Method, dict[str, float]]
    bare: dict[Method, float]


def said(question: Question, rows: int, context: Context) -> Said:
    """By features and texts of at most `rows` training rows of each task; nothing for a target without any.

    Reads data that are not in the store yet into it. Raises DataError where they cannot be had or are few.
    """
    training = question.training
    if training is None:
        return Said({}, {})
    _make(question, context)
    labelled = question.target.type in LABELLED
    # First, because it is refused where there is too little to look at.
    scores, bare = _features(question, training, rows, context) if labelled else Said({}, {})
    scores["text"] = _text(question, training, rows, context)
    if _embedded(question):
        scores["task"] = _task(question, training, rows, context)
    return Said({method: scores[method] for method in TITLES if method in scores}, bare)


def _features(question: Question, training: Train, rows: int, context: Context) -> Said:
    drawn = sample(training, rows, context)
    every: dict[str, Maker | None] = {"": None, **question.modules}
    vectors = {name: seen(training, drawn, made, context) for name, made in every.items()}
    evidences = {name: logme((own := one.centred).features, own.right) for name, one in vectors.items()}
    probes = {name: probe(one) for name, one in vectors.items()}
    bare: dict[Method, float] = {"logme": evidences.pop(""), "probe": probes.pop("")}
    return Said({"logme": evidences, "probe": probes}, bare)


def _make(question: Question, context: Context) -> None:
    lacking = [one for one in dict.fromkeys(data(question)) if one not in context.store]
    for outcome in run(Plan.of(lacking), context) if lacking else ():
        if outcome.error is not None:
            raise outcome.error


def _text(question: Question, training: Train, rows: int, context: Context) -> dict[str, float]:
    """Cosine of the mean vectors of the texts of the target and of each module, over its tasks the mean."""
    own, known = text_vector(training, training, rows, context), {}
    found = {}
    for name, made in question.modules.items():
        every = []
        for one in trained_on(made):
            if one.data not in known:
                known[one.data] = text_vector(one, training, rows, context)
            every.append(known[one.data])
        found[name] = _cosine(own, np.mean(every, axis=0))
    return found


def _embedded(question: Question) -> bool:
    """Whether the target and every task of a module have an embedding."""
    trained = [one for made in question.modules.values() for one in trained_on(made)]
    return {question.target.type, *(task(one.task).type for one in trained)} <= set(LABELLED)


def _task(question: Question, training: Train, rows: int, context: Context) -> dict[str, float]:
    """How alike the target and each module are in what they ask of the encoder, over its tasks the mean."""
    own, known = task_vectors(training, training, rows, context), {}
    found = {}
    for name, made in question.modules.items():
        every = []
        for one in trained_on(made):
            if one.data not in known:
                known[one.data] = alike(own, task_vectors(one, training, rows, context))
            every.append(known[one.data])
        found[name] = float(np.mean(every))
    return found


def _cosine(first: np.ndarray, second: np.ndarray) -> float:
    return float(first @ second / (np.linalg.norm(first) * np.linalg.norm(second)))
