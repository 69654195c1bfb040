"""UD-POS: universal part-of-speech tags of the Universal Dependencies treebanks (Nivre et al. 2020)."""

from xadapt.examples import Tagging
from xadapt.languages import LANGUAGES as NAMES
from xadapt.task import Row, Source, Task, words_of

LABELS = tuple("ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X".split())
LANGUAGES = tuple(
    "af ar bg de el en es et eu fa fi fr he hi hu id it ja kk ko mr nl pt ru ta te th tl tr ur "
    "vi yo zh".split()
)
WIDER = ("lt", "pl", "ro", "uk", "wo")


def read(row: Row, name: str) -> Tagging:
    return Tagging(name, *words_of(row, "pos_tags", LABELS))


def _source(language: str, split: str) -> Source:
    if language in WIDER:
        local = f"udpos/{language}/{split}"
        return Source(path="izhx/xtreme-r-udpos", config=language, split=split, local=local)
    return Source(
        path="google/xtreme",
        config=f"udpos.{NAMES[language].name if language in NAMES else language}",
        split=split,
        local=f"udpos/{language}/{split}",
    )


TASK = Task(
    name="udpos",
    title="Part-of-speech tagging",
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
    test=lambda language: _source(language, "test"),
    license="per treebank",
    quirks="XTREME scores seqeval 0.0.12 F1 on bare tags, not accuracy; word accuracy stands beside it; "
    "the hub copy keeps fused words apart; the languages that XTREME-R adds come from another copy (UD 2.7)",
)
