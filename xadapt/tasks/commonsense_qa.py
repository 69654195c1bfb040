"""CommonsenseQA: a question of everyday knowledge, one of five answers (Talmor et al. 2019)."""

from xadapt.examples import Choice
from xadapt.task import Row, Sizes, Source, Task, label_name, text_of


def read(row: Row, name: str) -> Choice | None:
    """The context is the question alone; `answerKey` is the letter of the right answer."""
    letters = tuple(row["choices"]["label"])
    answers = tuple(text_of(answer, "choices") for answer in row["choices"]["text"])
    if len(answers) != 5 or len(letters) != 5:
        raise ValueError(f"field 'choices': {len(answers)} texts, {len(letters)} letters, expected 5 of each")
    key = label_name(letters, row["answerKey"], "answerKey")
    if key is None:
        return None
    return Choice(name, text_of(row["question"], "question"), answers, letters.index(key))


def _source(language: str, split: str) -> Source:
    local = f"commonsense_qa/{language}/{split}"
    return Source(path="tau/commonsense_qa", config="default", split=split, local=local)


TASK = Task(
    name="commonsense_qa",
    title="Everyday knowledge",
    type="choice",
    metric="accuracy",
    role="intermediate",
    read=read,
    train=_source("en", "train"),
    dev=_source("en", "validation"),
    test=lambda language: _source(language, "validation"),
    sizes=Sizes(train=9_741, dev=1_221),
    license="not stated",
    quirks="there is no context beside the question; the test split is blind",
)
