"""XNLI: natural language inference in fifteen languages, translated by people (Conneau et al. 2018).

Trains on the English of MNLI.
"""

from xadapt.task import Sizes, Source, Task
from xadapt.tasks import mnli

LANGUAGES = ("ar", "bg", "de", "el", "en", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh")


def _source(language: str, split: str) -> Source:
    local = f"xnli/{language}/{split}"
    return Source(path="facebook/xnli", config=language, split=split, local=local)


TASK = Task(
    name="xnli",
    title="Cross-lingual natural language inference",
    type="classification",
    metric="accuracy",
    role="target",
    benchmarks=("xtreme", "xtreme-r"),
    labels=mnli.LABELS,
    languages=LANGUAGES,
    read=mnli.read,
    train=mnli.TASK.train,
    trains_as="mnli",
    dev=_source("en", "validation"),
    dev_of=lambda language: _source(language, "validation"),
    test=lambda language: _source(language, "test"),
    sizes=Sizes(test=5_010),
    license="CC BY-NC 4.0",
    quirks="trains on MNLI, so the intermediate MNLI sees the same data",
)
