"""Text: running text for masked language modelling, one line or document a row.

Not scored against a benchmark: it is how small encoders are made, and beside other tasks what keeps an
encoder multilingual (Devlin et al. 2019).
"""

from xadapt.examples import Text
from xadapt.task import Dropped, Row, Source, Task, text_of

COLUMNS = {
    "text": "pair",
    "source_sentence": "target_sentence",
    "premise": "hypothesis",
    "sentence1": "sentence2",
    "context": None,
    "tokens": None,
}
"""Column that holds text -> column of what follows or translates it, over the layouts of the other tasks."""


def read(row: Row, name: str) -> Text:
    """The text of a row of any known layout, without its labels. Raises Dropped for an empty line."""
    for column, beside in COLUMNS.items():
        if column in row:
            found = " ".join(row[column]) if isinstance(row[column], list) else text_of(row[column], column)
            if not found.strip():
                raise Dropped("empty line")
            return Text(name, found, row.get(beside) if beside else None)
    raise ValueError(f"no column with text; known are {', '.join(COLUMNS)}")


TASK = Task(
    name="text",
    title="Masked language modelling",
    type="mlm",
    metric="accuracy",
    role="text",
    read=read,
    train=Source(path="", config="mixed", split="train", local="text/mixed/train"),
    license="that of the text",
    quirks="a line or document a row, cut at max_length; from plain text or any table with a known column",
)
