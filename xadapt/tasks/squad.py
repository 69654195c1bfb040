"""SQuAD v1.1: the answer to a question is a span of a Wikipedia paragraph (Rajpurkar et al. 2016)."""

from xadapt.task import Source, Task, question_of


def _source(language: str, split: str) -> Source:
    local = f"squad/{language}/{split}"
    return Source(path="rajpurkar/squad", config="plain_text", split=split, local=local)


TASK = Task(
    name="squad",
    title="Extractive question answering",
    type="span",
    metric="squad",
    role="intermediate",
    read=question_of,
    train=_source("en", "train"),
    dev=_source("en", "validation"),
    test=lambda language: _source(language, "validation"),
    license="CC BY-SA 4.0",
    quirks="every question has an answer, so one is always given; the test split is blind",
)
