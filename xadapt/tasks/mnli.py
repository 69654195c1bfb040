"""MNLI: does the premise entail the hypothesis, contradict it, or neither? (Williams et al. 2018)"""

from xadapt.examples import Classification
from xadapt.task import Row, Source, Task, label_name, text_of

LABELS = ("entailment", "neutral", "contradiction")
"""In the order of the Hugging Face datasets; other sources order them otherwise, so labels go by name."""


def read(row: Row, name: str) -> Classification | None:
    label = label_name(LABELS, row["label"])
    if label is None:
        return None
    first, second = (text_of(row[column], column) for column in ("premise", "hypothesis"))
    return Classification(name, first, second, label)


def _source(split: str, local: str) -> Source:
    return Source(path="nyu-mll/glue", config="mnli", split=split, local=f"mnli/en/{local}")


TASK = Task(
    name="mnli",
    title="Natural language inference",
    type="classification",
    metric="accuracy",
    role="intermediate",
    labels=LABELS,
    read=read,
    train=_source("train", "train"),
    dev=_source("validation_matched", "validation"),
    test=lambda language: _source("validation_matched", "validation"),
    license="OANC and others, see the data",
)
