"""XQuAD: 1,190 questions of SQuAD v1.1 translated into ten languages (Artetxe et al. 2020).

Trains on SQuAD v1.1.
"""

from xadapt.task import Sizes, Source, Task, question_of
from xadapt.tasks import squad

LANGUAGES = ("ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh")
WIDER = ("ro",)


def _test(language: str) -> Source:
    return Source(
        path="google/xquad",
        config=f"xquad.{language}",
        split="validation",
        local=f"xquad/{language}/test",
    )


TASK = Task(
    name="xquad",
    title="Cross-lingual extractive question answering",
    type="span",
    metric="squad",
    role="target",
    benchmarks=("xtreme", "xtreme-r"),
    languages=LANGUAGES,
    wider=WIDER,
    read=question_of,
    train=squad.TASK.train,
    trains_as="squad",
    dev=squad.TASK.dev,
    test=_test,
    sizes=Sizes(test=1_190),
    license="CC BY-SA 4.0",
    quirks="scored with the English SQuAD script in every language, as XTREME does",
)
