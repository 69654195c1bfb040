"""SQuAD v2.0: a span of a Wikipedia paragraph, or that there is no answer in it (Rajpurkar et al. 2018)."""

from functools import partial

from xadapt.task import Source, Task, question_of


def _source(language: str, split: str) -> Source:
    local = f"squad_v2/{language}/{split}"
    return Source(path="rajpurkar/squad_v2", config="squad_v2", split=split, local=local)


TASK = Task(
    name="squad_v2",
    title="Extractive question answering, some without an answer",
    type="span",
    metric="squad_v2",
    role="intermediate",
    labels=("unanswerable",),
    read=partial(question_of, unanswerable=True),
    train=_source("en", "train"),
    dev=_source("en", "validation"),
    test=lambda language: _source(language, "validation"),
    license="CC BY-SA 4.0",
    quirks="no answer is given where its score exceeds the best span's; the threshold is 0, not tuned on the "
    "scored data as in jiant's best_exact and best_f1",
)
