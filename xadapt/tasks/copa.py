"""COPA: the more likely cause or effect of a premise, of two (SuperGLUE, Wang et al. 2019)."""

from xadapt.task import Source, Task
from xadapt.tasks import xcopa


def _source(language: str, split: str) -> Source:
    return Source(path="aps/super_glue", config="copa", split=split, local=f"copa/{language}/{split}")


TASK = Task(
    name="copa",
    title="Causal commonsense",
    type="choice",
    metric="accuracy",
    role="intermediate",
    read=xcopa.read,
    train=_source("en", "train"),
    dev=_source("en", "validation"),
    test=lambda language: _source(language, "validation"),
    license="not stated",
    quirks="English training data of XCOPA, so both see the same; the test split is blind",
)
