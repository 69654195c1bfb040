"""Cosmos QA: what a short story implies, one of four answers (Huang et al. 2019)."""

from xadapt.examples import Choice
from xadapt.task import Row, Sizes, Source, Task, label_name, text_of

ANSWERS = ("answer0", "answer1", "answer2", "answer3")


def read(row: Row, name: str) -> Choice | None:
    """The context is story and question, as jiant reads it; the label is the number of the answer."""
    label = label_name(tuple("0123"), row["label"])
    if label is None:
        return None
    context = f"{text_of(row['context'], 'context')} {text_of(row['question'], 'question')}"
    answers = tuple(text_of(row[column], column) for column in ANSWERS)
    return Choice(name, context, answers, int(label))


def _source(language: str, split: str) -> Source:
    return Source(
        path="allenai/cosmos_qa",
        revision="ed50fe83db62b355759053b1cd5eef344ee371e0",
        config="default",
        split=split,
        files=f"default/{split}/0000.parquet",
        local=f"cosmos_qa/{language}/{split}",
    )


TASK = Task(
    name="cosmos_qa",
    title="Commonsense reading comprehension",
    type="choice",
    metric="accuracy",
    role="intermediate",
    read=read,
    train=_source("en", "train"),
    dev=_source("en", "validation"),
    test=lambda language: _source(language, "validation"),
    sizes=Sizes(train=25_262, dev=2_985),
    license="not stated",
    quirks="read from the hub's own Parquet copy, since the repository is a script; the test split is blind",
)
