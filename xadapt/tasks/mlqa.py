"""MLQA: questions about parallel passages of Wikipedia in seven languages (Lewis et al. 2020).

Question and passage are of one language, as in XTREME. Trains on SQuAD v1.1.
"""

from xadapt.task import Source, Task, question_of
from xadapt.tasks import squad

LANGUAGES = ("ar", "de", "en", "es", "hi", "vi", "zh")


def _test(language: str) -> Source:
    # MLQA's own repository holds a script only; XTREME's has the rows.
    pair = f"{language}.{language}"
    return Source(path="google/xtreme", config=f"MLQA.{pair}", split="test", local=f"mlqa/{pair}/test")


TASK = Task(
    name="mlqa",
    title="Cross-lingual extractive question answering",
    type="span",
    metric="mlqa",
    role="target",
    benchmarks=("xtreme", "xtreme-r"),
    languages=LANGUAGES,
    read=question_of,
    train=squad.TASK.train,
    trains_as="squad",
    dev=squad.TASK.dev,
    test=_test,
    license="CC BY-SA 3.0",
    quirks="scored with MLQA's own script: articles by language, Chinese by characters",
)
