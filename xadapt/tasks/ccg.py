"""CCG: the lexical category of each word in Combinatory Categorial Grammar (Hockenmaier & Steedman 2007).

CCGbank has a licence and no place on the hub: `xadapt tasks ccgbank FOLDER --data DIR` writes a user's own
copy as rows, which `data.world = "folder"` reads.
"""

from xadapt.examples import Tagging
from xadapt.task import Row, Source, Task, text_of


def read(row: Row, name: str) -> Tagging:
    """`tokens` and their `tags`. There are 1,363 categories, so the data name them, not this file."""
    words, tags = (tuple(text_of(each, column) for each in row[column]) for column in ("tokens", "tags"))
    if len(words) != len(tags):
        raise ValueError(f"field 'tags': {len(tags)} tags for {len(words)} tokens")
    return Tagging(name, words, tags)


def _source(language: str, split: str) -> Source:
    return Source(path="", config="AUTO", split=split, local=f"ccg/{language}/{split}")


TASK = Task(
    name="ccg",
    title="CCG supertagging",
    type="tagging",
    metric="token_accuracy",
    role="intermediate",
    read=read,
    train=_source("en", "train"),
    dev=_source("en", "validation"),
    test=lambda language: _source(language, "test"),
    license="LDC2005T13 (Linguistic Data Consortium), not to be redistributed",
    quirks="from a user's own CCGbank, sections 00-18, 19-21 and 22-24; a category not in the training "
    "data cannot be predicted and counts as wrong",
)
