"""PAWS-X: do two sentences of high word overlap say the same? (Yang et al. 2019)"""

from xadapt.examples import Classification
from xadapt.task import Row, Source, Task, label_name, text_of

LABELS = ("0", "1")
"""0: different meanings, 1: paraphrases; the names that XTREME submissions use."""


def read(row: Row, name: str) -> Classification | None:
    label = label_name(LABELS, row["label"])
    if label is None:
        return None
    first, second = (text_of(row[column], column) for column in ("sentence1", "sentence2"))
    return Classification(name, first, second, label)


def _source(language: str, split: str) -> Source:
    local = f"paws-x/{language}/{split}"
    path = "google-research-datasets/paws-x"
    return Source(path=path, config=language, split=split, local=local)


TASK = Task(
    name="pawsx",
    title="Cross-lingual paraphrase identification",
    type="classification",
    metric="accuracy",
    role="target",
    benchmarks=("xtreme",),
    labels=LABELS,
    languages=("de", "en", "es", "fr", "ja", "ko", "zh"),
    read=read,
    train=_source("en", "train"),
    dev=_source("en", "validation"),
    dev_of=lambda language: _source(language, "validation"),
    test=lambda language: _source(language, "test"),
    license="free for any purpose, acknowledgement appreciated",
    quirks="the 'train' splits of other languages are machine translations and are never used",
)
