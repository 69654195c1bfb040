"""QQP: do two questions of Quora ask the same? (GLUE, Wang et al. 2019)"""

from xadapt.examples import Classification
from xadapt.task import Row, Source, Task, label_name, text_of

LABELS = ("not_duplicate", "duplicate")
"""In the order of the Hugging Face dataset."""


def read(row: Row, name: str) -> Classification | None:
    label = label_name(LABELS, row["label"])
    if label is None:
        return None
    first, second = (text_of(row[column], column) for column in ("question1", "question2"))
    return Classification(name, first, second, label)


def _source(language: str, split: str) -> Source:
    return Source(path="nyu-mll/glue", config="qqp", split=split, local=f"qqp/{language}/{split}")


TASK = Task(
    name="qqp",
    title="Duplicate questions",
    type="classification",
    metric="accuracy_f1",
    role="intermediate",
    labels=LABELS,
    read=read,
    train=_source("en", "train"),
    dev=_source("en", "validation"),
    test=lambda language: _source(language, "validation"),
    license="Quora's terms, not to be redistributed",
    quirks="the main value is jiant's, the mean of accuracy and F1 of 'duplicate'; the test split is blind",
)
