"""Text: running text for masked language modelling, one line or document a row.

Not scored against a benchmark: it is how small encoders are made (Devlin et al. 2019).
"""

from xadapt.examples import Text
from xadapt.task import Row, Source, Task

COLUMNS = {
    "text": "pair",
    "source_sentence": "target_sentence",
    "premise": "hypothesis",
    "sentence1": "sentence2",
    "context": None,
    "tokens": None,
}
"""Column that holds text -> column of what follows or translates it, over the layouts of the other tasks."""


def read(row: Row, name: str) -> Text | None:
    """The text of a row of any known layout, without its labels; an empty line is left out."""
    for column, beside in COLUMNS.items():
        if column in row:
            found = " ".join(row[column]) if isinstance(row[column], list) else row[column]
            pair = row.get(beside) if beside else None
            return Text(name, found, pair) if found.strip() else None
    raise ValueError(f"no column with text; known are {', '.join(COLUMNS)}")


TASK = Task(
    name="text",
    title="Masked language modelling",
    type="mlm",
    metric="accuracy",
    role="text",
    read=read,
    train=Source(
        path="text",
        config="mixed",
        split="train",
        local="text/mixed/train",
    ),
)
