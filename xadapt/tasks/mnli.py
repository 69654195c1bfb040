"""MNLI: does the premise entail the hypothesis, contradict it, or neither? (Williams et al. 2018)"""

from xadapt.examples import Classification
from xadapt.task import Row, Sizes, Source, Task, label_name, text_of

LABELS = ("entailment", "neutral", "contradiction")
"""In the order of the Hugging Face datasets; other sources order them otherwise, so labels go by name."""


def read(row: Row, name: str) -> Classification | None:
    label = label_name(LABELS, row["label"])
    if label is None:
        return None
    first, second = (text_of(row[column], column) for column in ("premise", "hypothesis"))
    return Classification(name, first, second, label)


def source(language: str, split: str) -> Source:
    """MNLI's `train`, or for `validation` its matched genres."""
    named = {"train": "train", "validation": "validation_matched"}[split]
    return Source(path="nyu-mll/glue", config="mnli", split=named, local=f"mnli/{language}/{split}")


TASK = Task(
    name="mnli",
    title="Natural language inference",
    type="classification",
    metric="accuracy",
    role="intermediate",
    labels=LABELS,
    read=read,
    train=source("en", "train"),
    dev=source("en", "validation"),
    test=lambda language: source(language, "validation"),
    sizes=Sizes(train=392_702, dev=9_815),
    license="OANC and others, see the data",
    quirks="scored on the matched validation split; the test splits are blind",
)
