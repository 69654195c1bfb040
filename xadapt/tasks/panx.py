"""PAN-X: names of people, organisations and places (Pan et al. 2017, splits of Rahimi et al. 2019)."""

from xadapt.examples import Tagging
from xadapt.task import Row, Source, Task, words_of

LABELS = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")
LANGUAGES = tuple(
    "af ar bg bn de el en es et eu fa fi fr he hi hu id it ja jv ka kk ko ml mr ms my nl pt ru "
    "sw ta te th tl tr ur vi yo zh".split()
)
WIDER = ("az", "gu", "lt", "pa", "pl", "qu", "ro", "uk")


def read(row: Row, name: str) -> Tagging:
    return Tagging(name, *words_of(row, "ner_tags", LABELS))


def _source(language: str, split: str) -> Source:
    local = f"panx/{language}/{split}"
    return Source(path="unimelb-nlp/wikiann", config=language, split=split, local=local)


TASK = Task(
    name="panx",
    title="Named entity recognition",
    type="tagging",
    metric="chunk_f1",
    role="target",
    benchmarks=("xtreme", "xtreme-r"),
    labels=LABELS,
    languages=LANGUAGES,
    wider=WIDER,
    read=read,
    train=_source("en", "train"),
    dev=_source("en", "validation"),
    dev_of=lambda language: _source(language, "validation"),
    test=lambda language: _source(language, "test"),
    license="not stated",
    quirks="sentences longer than the limit are split and their tags joined again; no word is dropped",
)
