"""XCOPA: the more likely cause or effect of a premise, of two, in eleven languages (Ponti et al. 2020).

Trains on English COPA.
"""

from xadapt.examples import Choice
from xadapt.task import Row, Sizes, Source, Task, label_name, text_of

LANGUAGES = ("et", "ht", "id", "it", "qu", "sw", "ta", "th", "tr", "vi", "zh")
CHOICES = ("choice1", "choice2")


def read(row: Row, name: str) -> Choice | None:
    """The context asks as XTREME-R does: premise, then `What was the cause?` or `What was the effect?`."""
    label = label_name(CHOICES, row["label"])
    if row["question"] not in ("cause", "effect"):
        raise ValueError(f"field 'question': {row['question']!r} is neither cause nor effect")
    context = f"{text_of(row['premise'], 'premise')} What was the {row['question']}?"
    choices = tuple(text_of(row[column], column) for column in CHOICES)
    return None if label is None else Choice(name, context, choices, CHOICES.index(label))


def _english(split: str) -> Source:
    path = "aps/super_glue"
    return Source(path=path, config="copa", split=split, local=f"copa/en/{split}")


def _test(language: str) -> Source:
    local = f"xcopa/{language}/test"
    return Source(path="cambridgeltl/xcopa", config=language, split="test", local=local)


TASK = Task(
    name="xcopa",
    title="Cross-lingual causal commonsense",
    type="choice",
    metric="accuracy",
    role="target",
    benchmarks=("xtreme-r",),
    languages=LANGUAGES,
    read=read,
    train=_english("train"),
    dev=_english("validation"),
    test=_test,
    sizes=Sizes(test=500),
    license="CC BY 4.0",
    quirks="English COPA has 400 training rows; XTREME-R trains on Social IQa first",
)
