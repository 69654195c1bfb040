"""A user's own rows without gold labels -> examples of a task type.

A column is called as the task's own declaration calls it, as xadapt calls the field, or as the field does.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from xadapt.declared import Declared
from xadapt.errors import DataError, nearest
from xadapt.examples import Choice, Classification, Pairing, Question, Tagging
from xadapt.task import text_of

Row = Mapping[str, Any]
COLUMNS: dict[str, tuple[str, ...]] = {
    "text": ("text", "premise", "sentence", "sentence1", "question1"),
    "pair": ("pair", "hypothesis", "text_pair", "sentence2", "question2"),
    "context": ("context", "premise"),
    "choices": ("choices", "endings"),
    "tokens": ("tokens", "words", "text"),
    "question": ("question",),
}
"""Field -> what its column is called in the data sets of the field, the first that is there counts."""
VECTORS = ("retrieval", "mining", "ranking")
"""Task types that answer with the vector of a text."""


class Ask(NamedTuple):
    """What a module asks of a row."""

    kind: str
    """A key of `READERS`."""
    columns: Mapping[str, Any]
    """Field -> the column, or columns, that the module's task declares."""
    pairs: bool
    """Whether its texts come in pairs."""
    labels: Sequence[str]


def ask(kind: str, of: str | Declared, labels: Sequence[str]) -> Ask:
    """What a module of this task type, trained on this task, asks of a row."""
    columns = dict(of.columns) if isinstance(of, Declared) else {}
    # Every classification task that ships is one of pairs; tests/serving holds it.
    pairs = "pair" in columns if isinstance(of, Declared) else True
    return Ask("vector" if kind in VECTORS else kind, columns, pairs, labels)


def example(row: Row, place: str, asked: Ask) -> Any:
    """The example of one row. Raises DataError with place, field and value for a row that is not one."""
    if not isinstance(row, Mapping):
        raise DataError(f"{place}: expected columns with their values, got {row!r:.80}")
    try:
        return READERS[asked.kind](_Fields(row, asked), place)
    except ValueError as error:
        raise DataError(f"{place}: {error}") from error


def listed(given: Any, what: str) -> Iterable[Any]:
    """`given`. Raises DataError for a single one of `what`, whose letters or columns would be read."""
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise DataError(f"expected a list of {what}, got {given!r:.80}")
    return given


def placed(rows: Iterable[Row]) -> Iterator[tuple[str, Row]]:
    """Rows of a program with their place."""
    return ((f"row {number}", row) for number, row in enumerate(listed(rows, "rows"), 1))


class _Fields:
    """One row by our fields; errors are ValueError."""

    def __init__(self, row: Row, asked: Ask) -> None:
        self.row, self.asked = row, asked

    def names(self, field: str) -> tuple[Any, ...]:
        own = self.asked.columns.get(field)
        return (*([] if own is None else [own]), *COLUMNS[field])

    def find(self, field: str) -> tuple[Any, Any] | None:
        """Column and value; None where no column of the field is there."""
        for name in self.names(field):
            parts = name if isinstance(name, tuple) else (name,)
            if all(part in self.row for part in parts):
                return name, [self.row[p] for p in parts] if isinstance(name, tuple) else self.row[name]
        return None

    def value(self, field: str) -> tuple[Any, Any]:
        if (found := self.find(field)) is None:
            name = self.names(field)[0]
            raise ValueError(f"field {name!r} is missing{nearest(str(name), self.row)}")
        return found

    def text(self, field: str) -> str:
        name, value = self.value(field)
        return _filled(value, str(name))

    def words(self) -> tuple[str, ...]:
        """A list, or text with spaces between the words."""
        name, value = self.value("tokens")
        found = value.split() if isinstance(value, str) else value
        if not isinstance(found, list | tuple) or not found:
            raise ValueError(f"field {name!r}: {value!r} has no words")
        return tuple(_filled(word, str(name)) for word in found)

    def choices(self) -> tuple[str, ...]:
        """A list, or the columns `choice1`, `choice2`, ... (or `choice0`, ...)."""
        found = self.find("choices")
        numbered = [name for first in (0, 1) if (name := f"choice{first}") in self.row]
        if found is None and numbered:
            start = int(numbered[0][-1])
            names = [f"choice{n}" for n in range(start, start + len(self.row)) if f"choice{n}" in self.row]
            found = tuple(names), [self.row[name] for name in names]
        name, value = found or self.value("choices")
        if not isinstance(value, list | tuple) or len(value) < 2:
            raise ValueError(f"field {name!r}: expected a list of two choices or more, got {value!r:.80}")
        return tuple(_filled(choice, str(name)) for choice in value)


def _filled(value: object, name: str) -> str:
    if not (text := text_of(value, name)).strip():
        raise ValueError(f"field {name!r} is empty")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"field {name!r}: U+{ord(text[error.start]):04X} is half a character") from error
    return text


def _classification(fields: _Fields, name: str) -> Classification:
    wanted = fields.asked.pairs or fields.find("pair") is not None
    pair = fields.text("pair") if wanted else None
    # Encoding asks for a label, which no answer depends on.
    return Classification(name, fields.text("text"), pair, fields.asked.labels[0])


def _choice(fields: _Fields, name: str) -> Choice:
    return Choice(name, fields.text("context"), fields.choices(), 0)


def _tagging(fields: _Fields, name: str) -> Tagging:
    words = fields.words()
    return Tagging(name, words, ("",) * len(words))


def _span(fields: _Fields, name: str) -> Question:
    return Question(name, fields.text("question"), fields.text("context"), (), ())


def _vector(fields: _Fields, name: str) -> Pairing:
    return Pairing(name, fields.text("text"), "")


READERS: dict[str, Callable[[_Fields, str], Any]] = {
    "classification": _classification,
    "choice": _choice,
    "tagging": _tagging,
    "span": _span,
    "vector": _vector,
}
