"""PAWS-X: do two sentences of high word overlap say the same? (Yang et al. 2019)"""

from xadapt.examples import Classification
from xadapt.task import Row, Source, Task, label_name

LABELS = ("0", "1")
"""0: different meanings, 1: paraphrases; the names that XTREME submissions use."""


def read(row: Row, name: str) -> Classification | None:
    label = label_name(LABELS, row["label"])
    return label and Classification(name, row["sentence1"], row["sentence2"], label)  # type: ignore[return-value]


def _source(language: str, split: str) -> Source:
    local = f"paws-x/{language}/{split}"
    path = "google-research-datasets/paws-x"
    return Source(path=path, revision="main", config=language, split=split, local=local)


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
    test=lambda language: _source(language, "test"),
    license="free for any purpose, acknowledgement appreciated",
    quirks="the 'train' splits of other languages are machine translations and are never used",
)
