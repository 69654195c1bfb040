"""A task that an experiment file declares: rows with columns of the user's own names become examples.

A stage carries a `Declared` where it would carry the name of a task of `xadapt/tasks`: a plain value, so that
what is read and how is part of the digest, and where the rows lie and how they are scored is not.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from xadapt.errors import nearest
from xadapt.examples import Choice, Classification, Example, Pairing, Question, Tagging, Text
from xadapt.task import Dropped, Row, Task, question_of, text_of

VERSION = 1
"""Raised when the same rows give other examples."""
UNANSWERABLE = "unanswerable"
Column = str | tuple[str, ...]
"""A column, or several that hold one choice each."""


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What must be known of a declared task to read, train and predict it."""

    name: str
    kind: str
    """Its task type, a key of `FORMS`."""
    labels: tuple[str, ...] = ()
    """Class names in the order of their numbers; of a choice the names of the choices in their order."""
    columns: tuple[tuple[str, Column], ...] = ()
    """Field -> column, for fields whose column has another name, and for optional ones that must be there."""
    trains_as: str | None = None
    """The task whose training this one uses, and with it the order of its labels in the head."""

    def __str__(self) -> str:
        return self.name

    @property
    def task(self) -> Task:
        """The task without its data and its metric, which an experiment adds."""
        of_head = self.labels if self.kind != "choice" and self.trains_as is None else ()
        return Task(
            name=self.name,
            type=self.kind,
            metric=FORMS[self.kind].metrics[0],
            role="target",
            labels=of_head,
            read=partial(_read, self),
            trains_as=self.trains_as,
            declared=self,
            version=VERSION,
        )

    def check(self, row: Row) -> None:
        """Raises ValueError for a column that is needed and not in this row, with the nearest."""
        fields = Fields(self, row)
        form = FORMS[self.kind]
        answers = ("answers",) if self.kind == "span" and not fields.flat else ()
        for field in (*form.needed, *answers, *dict(self.columns)):
            fields.value(field)


class Fields:
    """One row by the names of our fields. Errors are ValueError with the user's column and its value."""

    def __init__(self, declared: Declared, row: Row) -> None:
        self.row, self.columns, self.labels = row, dict(declared.columns), declared.labels

    def has(self, field: str) -> bool:
        """An optional field is read where its column is there, and must be there when it is declared."""
        return field in self.columns or field in self.row

    def column(self, field: str) -> Column:
        return self.columns.get(field, field)

    def value(self, field: str) -> Any:
        column = self.column(field)
        return [self._at(name) for name in column] if isinstance(column, tuple) else self._at(column)

    def _at(self, column: str) -> Any:
        if column not in self.row:
            raise ValueError(f"field {column!r} is missing{nearest(column, self.row)}")
        return self.row[column]

    def text(self, field: str) -> str:
        return _filled(self.value(field), self.column(field))

    def id(self, number: str) -> str:
        return str(self.value("id")) if self.has("id") else number

    def label(self, names: tuple[str, ...]) -> str | None:
        return _class(self.value("label"), names, self.column("label"))

    def words(self, field: str) -> list[Any]:
        """A list; in a table of text the words stand with spaces between them."""
        value = self.value(field)
        if isinstance(value, str):
            return value.split()
        if not isinstance(value, list):
            raise ValueError(f"field {self.column(field)!r}: {value!r} is neither a list nor text")
        return value

    @property
    def flat(self) -> bool:
        """One answer in two columns, as a table has it, in place of SQuAD's `answers`."""
        written = "answer" in self.columns or "start" in self.columns
        return written or ("answer" in self.row and not self.has("answers"))

    def answers(self) -> dict[str, list[Any]]:
        """In SQuAD's form, offsets as numbers."""
        if self.flat:
            answer, start = self.value("answer"), self.value("start")
            found = dict(zip(_SQUAD, ([answer], [start]) if answer else ([], []), strict=True))
            column = self.column("start")
        else:
            found, column = self.value("answers"), self.column("answers")
        if not isinstance(found, dict) or not all(isinstance(found.get(k), list) for k in _SQUAD):
            raise ValueError(f"field {column!r}: expected lists {' and '.join(_SQUAD)}, got {found!r:.80}")
        starts = [_offset(start, column) for start in found["answer_start"]]
        return {"text": found["text"], "answer_start": starts}


_SQUAD = ("text", "answer_start")


def _offset(value: Any, column: Column) -> int:
    if type(value) is not int and not (isinstance(value, str) and value.isdecimal()):
        raise ValueError(f"field {column!r}: {value!r} is no character offset")
    return int(value)


def _filled(value: Any, column: Column) -> str:
    text = text_of(value, str(column))
    if not text.strip():
        raise Dropped(f"field {column!r} is empty", bad=True)
    return text


def _class(value: Any, names: tuple[str, ...], column: Column) -> str | None:
    """A class by name; a number is a place in `names`, from 0, where no name is a number itself.

    None for a row without a label: empty, or -1 as in blind test data. Raises ValueError for anything else.
    """
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"field {column!r}: {value!r} is neither a name nor a whole number")
    text = str(value)
    if text in names or (isinstance(value, str) and not names):
        return text
    if text == "-1":
        return None
    if not names:
        raise ValueError(f"field {column!r}: {value} is a number, and labels = [...] does not name it")
    if text.isdecimal() and not any(map(str.isdecimal, names)) and int(text) < len(names):
        return names[int(text)]
    raise ValueError(f"field {column!r}: {value!r} is none of the labels{nearest(text, names)}")


def _classification(fields: Fields, number: str) -> Classification | None:
    text, label = fields.text("text"), fields.label(fields.labels)
    pair = fields.text("pair") if fields.has("pair") else None
    return None if label is None else Classification(fields.id(number), text, pair, label)


def _choice(fields: Fields, number: str) -> Choice | None:
    column = fields.column("choices")
    choices = fields.value("choices")
    if not isinstance(choices, list) or len(choices) < 2:
        raise ValueError(f"field {column!r}: expected a list of two choices or more, got {choices!r:.80}")
    names = fields.labels or tuple(map(str, range(len(choices))))
    label = fields.label(names)
    if label is not None and names.index(label) >= len(choices):
        raise ValueError(f"field {fields.column('label')!r}: {label!r} is none of {len(choices)} choices")
    texts = tuple(_filled(choice, column) for choice in choices)
    context = fields.text("context")
    return None if label is None else Choice(fields.id(number), context, texts, names.index(label))


def _tagging(fields: Fields, number: str) -> Tagging:
    words, tags = fields.words("tokens"), fields.words("tags")
    column = fields.column("tags")
    if len(words) != len(tags):
        raise ValueError(f"field {column!r}: {len(tags)} tags for {len(words)} words")
    if not words:
        raise Dropped(f"field {fields.column('tokens')!r} is empty", bad=True)
    named = [_class(tag, fields.labels, column) for tag in tags]
    if None in named:
        raise ValueError(f"field {column!r}: word {named.index(None) + 1} has no tag")
    texts = tuple(text_of(word, str(fields.column("tokens"))) for word in words)
    return Tagging(fields.id(number), texts, tuple(name for name in named if name is not None))


def _span(fields: Fields, number: str) -> Question | None:
    texts = {field: fields.text(field) for field in ("question", "context")}
    row = {"id": fields.id(number), **texts, "answers": fields.answers()}
    return question_of(row, number, unanswerable=UNANSWERABLE in fields.labels)


def _retrieval(fields: Fields, number: str) -> Pairing:
    return Pairing(fields.id(number), fields.text("source"), fields.text("target"))


def _mlm(fields: Fields, number: str) -> Text:
    text = text_of(fields.value("text"), str(fields.column("text")))
    if not text.strip():
        raise Dropped("empty line")
    return Text(fields.id(number), text, fields.text("pair") if fields.has("pair") else None)


class Form(NamedTuple):
    """What a task type asks of rows."""

    read: Callable[[Fields, str], Example | None]
    needed: tuple[str, ...]
    optional: tuple[str, ...]
    metrics: tuple[str, ...]
    """Those that fit, the usual one first."""
    labelled: bool = False
    """Whether `labels` mean something."""


FORMS: Mapping[str, Form] = {
    "classification": Form(
        _classification, ("text", "label"), ("pair", "id"), ("accuracy", "accuracy_f1"), labelled=True
    ),
    "choice": Form(_choice, ("context", "choices", "label"), ("id",), ("accuracy",), labelled=True),
    "tagging": Form(_tagging, ("tokens", "tags"), ("id",), ("chunk_f1", "token_accuracy"), labelled=True),
    "span": Form(
        _span, ("question", "context"), ("answers", "answer", "start", "id"), ("squad", "squad_v2", "mlqa")
    ),
    "retrieval": Form(_retrieval, ("source", "target"), ("id",), ("accuracy",)),
    "mlm": Form(_mlm, ("text",), ("pair", "id"), ("accuracy",)),
}


def _read(declared: Declared, row: Row, number: str) -> Example | None:
    return FORMS[declared.kind].read(Fields(declared, row), number)
