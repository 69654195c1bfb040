"""What a task is: a dataset, how to read a row of it, how it is scored. Knows no model, no tokenizer."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from xadapt.examples import Example, Question

if TYPE_CHECKING:
    from xadapt.declared import Declared

Row = Mapping[str, Any]
Role = Literal["intermediate", "target", "text"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """One split of one dataset: on the hub at one revision, and its place in a local data folder."""

    path: str
    """Hub id, `owner/name`; empty for data that are to be had in a local folder only."""
    revision: str | None = None
    """40 hex digits; None where none could be verified, so that the lock file of an experiment says it."""
    config: str
    split: str
    local: str
    """`<name>/<config>/<split>` below a data folder; the toy world uses the same three words.

    `*` for the config stands for every config that there is, sorted.
    """
    files: str = ""
    """Pattern of the data files inside the hub repository, where its card does not say which they are.

    Before a colon another branch than main: `refs/convert/parquet:default/train/*.parquet`.
    """
    id_prefix: str = ""
    """Only hub rows whose `id` starts so belong here (TyDiQA keeps all languages in one file)."""
    file: Path | None = None
    """A file of the user's own, read in place of all these in every world."""


Sources = Source | tuple[Source, ...]
"""One source, or several read one after another as one."""


def sources(found: Sources | None) -> tuple[Source, ...]:
    """`found` as a tuple, empty for None."""
    if found is None:
        return ()
    return (found,) if isinstance(found, Source) else found


class Placed(NamedTuple):
    """A row and where it stands."""

    source: int
    """Which of the sources of its task it comes from, from 0."""
    place: str
    """`file:line`, for errors."""
    row: Row


class Dropped(Exception):
    """Raised by `read` for a row that is left out and counted under its reason.

    A `bad` row is at fault: a share of these above `stages.data.BAD_SHARE` stops the stage. Others are
    merely not meant for the task. `example` is what a row gives that can be scored, only not trained on.
    """

    def __init__(self, reason: str, *, bad: bool = False, example: Example | None = None) -> None:
        super().__init__(reason)
        self.bad = bad
        self.example = example


Drop = Callable[[Placed, Dropped], None]
"""Counts a row that is left out."""
Gather = Callable[[Iterable[Placed], Drop], Iterator[Example]]


class Sizes(NamedTuple):
    """Labelled examples of a public data set; None where no source could be checked."""

    train: int | None = None
    dev: int | None = None
    test: int | None = None
    """In each language."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """One file of `xadapt/tasks` defines one; its name is the file's, the config's and the report's."""

    name: str
    type: str
    """A key of `examples.KINDS`, and a module of `task_types`."""
    metric: str
    """A module of `metrics`."""
    role: Role
    read: Callable[[Row, str], Example | None] | None = None
    """A row and its number -> an example, or None without a label; ValueError names field and value."""
    gather: Gather | None = None
    """In place of `read`, for examples that span rows or files: all rows in order -> the examples."""
    labels: tuple[str, ...] = ()
    """By name; none for tags or classes that only the data know, so that they are those of the training data.

    A span task with a label has questions without an answer, and that label stands for them.
    """
    benchmarks: tuple[str, ...] = ()
    languages: tuple[str, ...] = ("en",)
    """Test languages of the benchmark, ISO 639-1 where there is one."""
    wider: tuple[str, ...] = ()
    """Languages that XTREME-R adds."""
    train: Sources | None = None
    """English training data; None for a target read from the intermediate module."""
    dev: Sources | None = None
    """English data for selection."""
    dev_of: Callable[[str], Sources] | None = None
    """language -> its development data, for `select = "oracle"` alone."""
    test: Callable[[str], Sources] | None = None
    """language -> its test data."""
    tune: Callable[[str], Sources] | None = None
    """language -> data on which a threshold of the metric is set (BUCC)."""
    trains_as: str | None = None
    """The task whose training this one uses whole (XNLI: mnli), so that both are one stage."""
    sizes: Sizes | None = None
    title: str = ""
    license: str = ""
    quirks: str = ""
    """What a reader of its numbers must know."""
    version: int = 1
    """Raised when `read` gives other examples for the same rows."""
    declared: "Declared | None" = None
    """Of a task that an experiment file declares: what stages carry in place of its name."""

    @property
    def key(self) -> "str | Declared":
        """What stages carry."""
        return self.declared or self.name


def label_name(labels: Sequence[str], value: object, field: str = "label") -> str | None:
    """A label by name: names as they are, numbers as places in `labels` (the order of the source).

    A table of text holds numbers as text, which is a place where no label is a number itself. None for an
    unlabelled row (-1, empty or absent). Raises ValueError for anything else.
    """
    if value in (-1, "-1", "", None):
        return None
    if isinstance(value, str) and value in labels:
        return value
    written = isinstance(value, str) and value.isdecimal() and not any(map(str.isdecimal, labels))
    number = int(str(value)) if written else value
    if type(number) is int and 0 <= number < len(labels):
        return labels[number]
    raise ValueError(f"field {field!r}: {value!r} is none of {', '.join(labels)}")


def text_of(value: object, field: str) -> str:
    """`value` when it is text; raises ValueError naming field and value otherwise."""
    if not isinstance(value, str):
        raise ValueError(f"field {field!r}: {value!r} is not text")
    return value


def words_of(row: Row, tags: str, labels: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """`tokens` and their tags of one row. Raises ValueError for unequal numbers or an unknown tag."""
    names = [label_name(labels, tag, tags) for tag in row[tags]]
    if len(names) != len(row["tokens"]) or None in names:
        raise ValueError(f"field {tags!r}: {len(names)} tags for {len(row['tokens'])} tokens, or one without")
    words = tuple(text_of(word, "tokens") for word in row["tokens"])
    return words, tuple(name for name in names if name is not None)


def question_of(row: Row, name: str, *, unanswerable: bool = False) -> Question | None:
    """A row in SQuAD's columns; None for one without an answer, unless such questions are `unanswerable`.

    A blind test set has no answers, or empty ones. Raises Dropped when an answer is not where the row says,
    with the question: official scorers compare the texts of answers alone.
    """
    name = str(row.get("id", name))
    question, context = (text_of(row[column], column) for column in ("question", "context"))
    texts, starts = tuple(row["answers"]["text"]), tuple(row["answers"]["answer_start"])
    if len(texts) != len(starts):
        raise ValueError(f"field 'answers': {len(texts)} texts, {len(starts)} starts")
    if not any(texts) and not (unanswerable and not texts):
        return None
    found = Question(name, question, context, texts, starts)
    for text, start in zip(texts, starts, strict=True):
        if not text_of(text, "answers") or context[start : start + len(text)] != text:
            raise Dropped("answer not in the context", bad=True, example=found)
    return found
