"""TyDiQA-GoldP: questions by people who do not know the answer, about a given passage (Clark et al. 2020).

Trains on its own English questions.
"""

from xadapt.languages import LANGUAGES as NAMES
from xadapt.task import Source, Task, question_of

LANGUAGES = ("ar", "bn", "en", "fi", "id", "ko", "ru", "sw", "te")


def _source(language: str, split: str, local: str) -> Source:
    return Source(
        path="google-research-datasets/tydiqa",
        config="secondary_task",
        split=split,
        local=f"tydiqa/{language}/{local}",
        # All languages are in one file; an id begins with the English name of its own.
        id_prefix=f"{NAMES[language].name.lower()}-",
    )


TASK = Task(
    name="tydiqa",
    title="Question answering in typologically diverse languages",
    type="span",
    metric="squad",
    role="target",
    benchmarks=("xtreme", "xtreme-r"),
    languages=LANGUAGES,
    read=question_of,
    train=_source("en", "train", "train"),
    dev=_source("en", "validation", "validation"),
    test=lambda language: _source(language, "validation", "test"),
    license="Apache-2.0",
    quirks="gold passage; what is tested is the published development set, so English dev is English test; "
    "scored with the English SQuAD script in every language, as XTREME does",
)
