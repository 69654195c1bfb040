"""What a task reads: plain frozen values with text and gold labels.

The same types for hub data, local files, a user's own data and the toy world. `id` is unique within
one file and names the row in errors and predictions.
"""

import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from xadapt.errors import DataError


@dataclass(frozen=True)
class Classification:
    """A text, or a pair of texts (premise and hypothesis), with one label by name."""

    id: str
    text: str
    pair: str | None
    label: str

    @property
    def gold(self) -> str:
        return self.label


@dataclass(frozen=True)
class Choice:
    """One context and its possible continuations or answers; `label` is the index of the right one."""

    id: str
    context: str
    choices: tuple[str, ...]
    label: int

    @property
    def gold(self) -> int:
        return self.label


@dataclass(frozen=True)
class Tagging:
    """Words, each with a tag by name."""

    id: str
    words: tuple[str, ...]
    tags: tuple[str, ...]

    @property
    def gold(self) -> tuple[str, ...]:
        return self.tags


@dataclass(frozen=True)
class Question:
    """A question about a context; `starts` are character offsets of `answers`. No answers: unanswerable."""

    id: str
    question: str
    context: str
    answers: tuple[str, ...]
    starts: tuple[int, ...]

    @property
    def gold(self) -> tuple[str, ...]:
        return self.answers


@dataclass(frozen=True)
class Pairing:
    """A sentence and its translation into English: line i of one side belongs to line i of the other."""

    id: str
    source: str
    target: str


@dataclass(frozen=True)
class Text:
    """Running text for masked language modelling; `pair` holds a parallel line where there is one."""

    id: str
    text: str
    pair: str | None = None


@dataclass(frozen=True)
class Passage:
    """A sentence or passage of a search: a query, or a candidate that queries may find."""

    id: str
    text: str
    side: Literal["query", "candidate"]
    relevant: tuple[str, ...] = ()
    """Of a query the ids of the candidates that answer or translate it."""
    pair: str | None = None
    """Of a candidate the passage that it stands in, where it is read with it."""

    @property
    def gold(self) -> tuple[str, ...]:
        return self.relevant


Example = Classification | Choice | Tagging | Question | Pairing | Text | Passage
Scored = Classification | Choice | Tagging | Question | Passage
"""The examples that know what is right; the right line of a Pairing is its place in the file."""
KINDS: dict[str, type[Example]] = {
    "classification": Classification,
    "choice": Choice,
    "tagging": Tagging,
    "span": Question,
    "retrieval": Pairing,
    "ranking": Passage,
    "mining": Passage,
    "mlm": Text,
}
"""The example that each task type reads; its keys are the task types."""


def gold(examples: Sequence[Scored | Pairing]) -> list[Any]:
    """What is right for each example, as the metrics compare it: of a Pairing the index of its own line."""
    return [index if isinstance(e, Pairing) else e.gold for index, e in enumerate(examples)]


def labels(found: Iterable[Example]) -> tuple[str, ...]:
    """The labels or tags that occur, sorted; none where examples have no such thing."""
    seen: set[str] = set()
    for example in found:
        if isinstance(example, Tagging):
            seen.update(example.tags)
        elif isinstance(example, Classification):
            seen.add(example.label)
    return tuple(sorted(seen))


def asked(found: Sequence[Any]) -> list[Any]:
    """The examples that get a prediction: all but the candidates of a search."""
    return [each for each in found if not (isinstance(each, Passage) and each.side == "candidate")]


def write(examples: Iterable[Example], path: Path) -> int:
    """Write one JSON object a line; return how many.

    Raises DataError for text with half a surrogate pair, which no tokenizer reads; JSON can escape one.
    """
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for example in examples:
            # Not dataclasses.asdict: it copies deeply, which takes most of the time on large sets.
            try:
                file.write(json.dumps(vars(example), ensure_ascii=False) + "\n")
            except UnicodeEncodeError as error:
                half = f"U+{ord(error.object[error.start]):04X}"
                raise DataError(f"example {example.id!r}: {half} is half a character, not text") from error
            count += 1
    return count


def read(path: Path, kind: str) -> Iterator[Any]:
    """The examples of `path`, of the type that task type `kind` reads.

    Raises DataError with file and line for a line that is not such an example.
    """
    example: type[Any] = KINDS[kind]
    names = [field.name for field in dataclasses.fields(example)]
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                row = json.loads(line)
                yield example(*(tuple(v) if isinstance(v := row[name], list) else v for name in names))
            except (ValueError, KeyError, TypeError) as error:
                raise DataError(f"{path}:{number}: not a {example.__name__} example ({error})") from error
