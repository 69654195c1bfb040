"""Text: running text for masked language modelling, one line or document a row.

Not scored against a benchmark: it is how small encoders are made (Devlin et al. 2019).
"""

from xadapt.examples import Text
from xadapt.task import Row, Source, Task


def read(row: Row, name: str) -> Text | None:
    """A row with `text` and, for parallel lines, `pair`; an empty line is left out."""
    return Text(name, row["text"], row.get("pair")) if row["text"].strip() else None


TASK = Task(
    name="text",
    title="Masked language modelling",
    type="mlm",
    metric="accuracy",
    role="text",
    read=read,
    train=Source(
        path="text",
        revision="main",
        config="mixed",
        split="train",
        local="text/mixed/train",
    ),
)
