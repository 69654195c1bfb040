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


def read(row: Row, name: str) -> Pairing:
    return Pairing(name, *(text_of(row[column], column) for column in ("source_sentence", "target_sentence")))


def _test(language: str) -> Source:
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
    read=read,
    test=_test,
    license="CC BY 2.0 FR",
    quirks="queries are English, the index foreign; mean of hidden state 14, special tokens in; no English",
)
