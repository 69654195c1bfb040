"""SQuAD v1.1: the answer to a question is a span of a Wikipedia paragraph (Rajpurkar et al. 2016)."""

from xadapt.task import Source, Task, question_of


def _source(split: str) -> Source:
    path = "rajpurkar/squad"
    return Source(path=path, config="plain_text", split=split, local=f"squad/en/{split}")


TASK = Task(
    name="squad",
    title="Extractive question answering",
    type="span",
    metric="squad",
    role="intermediate",
    read=question_of,
    train=_source("train"),
    dev=_source("validation"),
    test=lambda language: _source("validation"),
    license="CC BY-SA 4.0",
)
