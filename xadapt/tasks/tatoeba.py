"""Tatoeba: for each English sentence, find its translation among the foreign ones (Artetxe & Schwenk 2019).

No training: sentence vectors are read from the intermediate module.
"""

from xadapt.examples import Pairing
from xadapt.languages import LANGUAGES as NAMES
from xadapt.task import Row, Source, Task, text_of

LANGUAGES = tuple(
    "af ar bg bn de el es et eu fa fi fr he hi hu id it ja jv ka kk ko ml mr nl pt ru sw ta te "
    "th tl tr ur vi zh".split()
)
WIDER = ("az", "lt", "pl", "ro", "uk")


def read(row: Row, name: str) -> Pairing:
    """A row in XTREME's columns, or in those of the copy that has the wider languages."""
    columns = ("sentence1", "sentence2") if "sentence1" in row else ("source_sentence", "target_sentence")
    return Pairing(name, *(text_of(row[column], column) for column in columns))


def _test(language: str) -> Source:
    if language in WIDER:
        return Source(
            path="mteb/tatoeba-bitext-mining",
            revision="69e8f12da6e31d59addadda9a9c8a2e601a0e282",
            config=f"{NAMES[language].tatoeba}-eng",
            split="test",
            local=f"tatoeba/{language}/validation",
        )
    return Source(
        path="google/xtreme",
        config=f"tatoeba.{NAMES[language].tatoeba if language in NAMES else language}",
        split="validation",
        local=f"tatoeba/{language}/validation",
    )


TASK = Task(
    name="tatoeba",
    title="Sentence retrieval",
    type="retrieval",
    metric="accuracy",
    role="target",
    benchmarks=("xtreme", "xtreme-r"),
    languages=LANGUAGES,
    wider=WIDER,
    read=read,
    test=_test,
    license="CC BY 2.0 FR",
    quirks="queries are English, the index foreign; mean of hidden state 14, special tokens in; no English",
)
