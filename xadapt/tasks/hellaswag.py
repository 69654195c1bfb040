"""HellaSwag: which of four endings continues the text? (Zellers et al. 2019)"""

from xadapt.examples import Choice
from xadapt.task import Row, Sizes, Source, Task, label_name, text_of


def read(row: Row, name: str) -> Choice | None:
    """Context `ctx_a`, choices `ctx_b` and an ending, as jiant reads it; the label is a digit as text."""
    label = label_name(tuple("0123"), row["label"])
    if label is None:
        return None
    if len(row["endings"]) != 4:
        raise ValueError(f"field 'endings': {len(row['endings'])} endings, expected 4")
    link = text_of(row["ctx_b"], "ctx_b")
    endings = tuple(f"{link} {text_of(ending, 'endings')}".strip() for ending in row["endings"])
    return Choice(name, text_of(row["ctx_a"], "ctx_a"), endings, int(label))


def _source(language: str, split: str) -> Source:
    return Source(
        path="Rowan/hellaswag",
        revision="6002345709e0801764318f06bf06ce1e7d1a1fe3",
        config="default",
        split=split,
        local=f"hellaswag/{language}/{split}",
    )


TASK = Task(
    name="hellaswag",
    title="Commonsense completion",
    type="choice",
    metric="accuracy",
    role="intermediate",
    read=read,
    train=_source("en", "train"),
    dev=_source("en", "validation"),
    test=lambda language: _source(language, "validation"),
    sizes=Sizes(train=39_905, dev=10_042),
    license="MIT",
    quirks="labels are digits as text; the test split is blind, so the validation split is scored",
)
