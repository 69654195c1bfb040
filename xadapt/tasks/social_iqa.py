"""Social IQa: what people do and feel next, one of three answers (Sap et al. 2019)."""

from xadapt.examples import Choice
from xadapt.task import Row, Sizes, Source, Task, label_name, text_of

ANSWERS = ("answerA", "answerB", "answerC")


def read(row: Row, name: str) -> Choice | None:
    """The context is situation and question, as XTREME-R reads it; the label is a digit from 1, as text."""
    # Numbers would count from 0 here, so only the documented text is a label.
    if not isinstance(row["label"], str):
        raise ValueError(f"field 'label': {row['label']!r} is not text")
    label = label_name(("1", "2", "3"), row["label"])
    if label is None:
        return None
    context = f"{text_of(row['context'], 'context')} {text_of(row['question'], 'question')}"
    return Choice(name, context, tuple(text_of(row[column], column) for column in ANSWERS), int(label) - 1)


def _source(language: str, split: str) -> Source:
    return Source(
        path="allenai/social_i_qa",
        revision="537a2ec8ec565adc0b70b70752893e59e024df26",
        config="default",
        split=split,
        files=f"default/{split}/0000.parquet",
        local=f"social_i_qa/{language}/{split}",
    )


TASK = Task(
    name="social_iqa",
    title="Social commonsense",
    type="choice",
    metric="accuracy",
    role="intermediate",
    read=read,
    train=_source("en", "train"),
    dev=_source("en", "validation"),
    test=lambda language: _source(language, "validation"),
    sizes=Sizes(train=33_410, dev=1_954),
    license="CC BY 4.0",
    quirks="labels are digits from 1, as text; XTREME-R trains on it before COPA and XCOPA; read from the "
    "hub's own Parquet copy, since the repository is a script",
)
