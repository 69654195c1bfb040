"""ANLI+: SNLI, MNLI and the three rounds of adversarial NLI as one task with one head (Nie et al. 2020)."""

from xadapt.task import Sizes, Source, Task
from xadapt.tasks import mnli

ROUNDS = (1, 2, 3)


def _sources(language: str, split: str) -> tuple[Source, ...]:
    """SNLI, MNLI, then the rounds; in a local folder these three are one file."""
    return (
        Source(path="stanfordnlp/snli", config="plain_text", split=split, local=f"snli/{language}/{split}"),
        mnli.source(language, split),
        *(_round(number, language, split) for number in ROUNDS),
    )


def _round(number: int, language: str, split: str) -> Source:
    named = {"train": "train", "validation": "dev"}[split]
    local = f"anli/{language}/{split}"
    return Source(path="facebook/anli", config="plain_text", split=f"{named}_r{number}", local=local)


TASK = Task(
    name="anli_plus",
    title="Natural language inference, with adversarial rounds",
    type="classification",
    metric="accuracy",
    role="intermediate",
    labels=mnli.LABELS,
    read=mnli.read,
    train=_sources("en", "train"),
    dev=_sources("en", "validation"),
    test=lambda language: _sources(language, "validation"),
    sizes=Sizes(train=1_104_934, dev=22_857),
    license="ANLI CC BY-NC 4.0; SNLI and MNLI see the data",
    quirks="rows are mixed in proportion to their numbers; SNLI rows without an agreed label are dropped",
)
