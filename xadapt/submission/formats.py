"""The files of a submission folder, one kind per task type: as XTREME's `evaluate.py` reads them.

Every file is in the order of the benchmark's own test file, which is blind. For all tasks but one this is
the order of our test examples. Tatoeba's English side is sorted in XTREME (`utils_preprocess.py`), so its
lines follow the sorted sentences; each line is the place of the foreign sentence, which keeps its order.
BUCC's file is a set of pairs, and files of answers and of entities name each question or mention by its id.
"""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from xadapt.examples import Choice, Pairing, Passage, Question, Tagging, asked
from xadapt.task import Task

MOST_RANKED = 20


@dataclass(frozen=True)
class Format:
    """How the predictions of one file are written, and read back."""

    suffix: str
    write: Callable[[Sequence[Any], Sequence[Any]], str]
    """Test examples that are asked, and the prediction for each as it counts -> the text of the file."""
    read: Callable[[str, Sequence[Any], Task], list[Any]]
    """The text, all test examples and their task -> predictions in the order of those that are asked.

    Raises ValueError, naming line and value, for a file that is not a prediction for each of them.
    """
    named: bool = False
    """Whether the file holds the ids of the examples."""
    ids: str = ""
    """Pattern of the benchmark's own ids, where the file holds them and not every source does."""


def _write_labels(examples: Sequence[Any], predicted: Sequence[str]) -> str:
    return "".join(f"{label}\n" for label in predicted)


def _read_labels(text: str, examples: Sequence[Any], task: Task) -> list[str]:
    lines = _lines(text, len(examples))
    for number, label in enumerate(lines, 1):
        _check_label(label, task, f"line {number}")
    return lines


def _write_tags(examples: Sequence[Tagging], predicted: Sequence[Sequence[str]]) -> str:
    """One tag a line, a blank line between sentences."""
    return "\n".join("".join(f"{tag}\n" for tag in tags) for tags in predicted)


def _read_tags(text: str, examples: Sequence[Tagging], task: Task) -> list[list[str]]:
    sentences = [block.split("\n") for block in text.removesuffix("\n").split("\n\n")]
    _check_count(len(sentences), len(examples), "sentences")
    line = 1
    for number, (tags, example) in enumerate(zip(sentences, examples, strict=True), 1):
        if len(tags) != len(example.words):
            raise ValueError(f"sentence {number}: {len(tags)} tags for {len(example.words)} words")
        for place, tag in enumerate(tags):
            _check_label(tag, task, f"line {line + place}")
        line += len(tags) + 1
    return sentences


def _write_named(examples: Sequence[Question | Passage], predicted: Sequence[Any]) -> str:
    """One object, id -> answer, or id -> entities. ASCII: the official script leaves the encoding open."""
    pairs = zip(examples, predicted, strict=True)
    return "{\n" + ",\n".join(f"{json.dumps(e.id)}: {json.dumps(each)}" for e, each in pairs) + "\n}\n"


def _read_named(text: str, names: Sequence[str]) -> list[Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("not one object with ids as names")
    if gone := [name for name in names if name not in found]:
        raise ValueError(f"{len(gone)} of {len(names)} ids are missing, the first is {gone[0]!r}")
    if extra := sorted(found.keys() - set(names)):
        raise ValueError(f"{len(extra)} ids are of no test example, the first is {extra[0]!r}")
    return [found[name] for name in names]


def _read_answers(text: str, examples: Sequence[Question], task: Task) -> list[str]:
    found = _read_named(text, [example.id for example in examples])
    for answer, example in zip(found, examples, strict=True):
        if not isinstance(answer, str):
            raise ValueError(f"id {example.id!r}: {answer!r} is not text")
    return found


def _read_ranked(text: str, examples: Sequence[Passage], task: Task) -> list[list[str]]:
    queries, known = asked(examples), _candidates(examples)
    found = _read_named(text, [query.id for query in queries])
    for ranked, query in zip(found, queries, strict=True):
        if not isinstance(ranked, list) or not len(set(map(str, ranked))) == len(ranked) <= MOST_RANKED:
            raise ValueError(f"id {query.id!r}: not a list of at most {MOST_RANKED} candidates, each once")
        for name in ranked:
            _check_known(name, known, f"id {query.id!r}")
    return found


def _write_pairs(examples: Sequence[Passage], predicted: Sequence[dict[str, Any] | None]) -> str:
    """One pair of ids a line; sentences for which nothing was mined are left out."""
    mined = ((e.id, each["targets"]) for e, each in zip(examples, predicted, strict=True) if each)
    return "".join(f"{source}\t{target}\n" for source, targets in mined for target in targets)


def _read_pairs(text: str, examples: Sequence[Passage], task: Task) -> list[dict[str, Any] | None]:
    queries, known = asked(examples), _candidates(examples)
    found: dict[str, list[str]] = {query.id: [] for query in queries}
    for number, line in enumerate(text.splitlines(), 1):
        source, _, target = line.partition("\t")
        _check_known(source, found, f"line {number}")
        _check_known(target, known, f"line {number}")
        if target in found[source]:
            raise ValueError(f"line {number}: {line!r} stands there twice")
        found[source].append(target)
    return [{"targets": targets} if targets else None for targets in found.values()]


def _candidates(examples: Sequence[Passage]) -> set[str]:
    return {example.id for example in examples if example.side == "candidate"}


def _check_known(name: object, known: Collection[str], at: str) -> None:
    if name not in known:
        raise ValueError(f"{at}: {name!r} is the id of no test example")


def _write_choices(examples: Sequence[Choice], predicted: Sequence[int]) -> str:
    """One object a line, in the field that XCOPA's own files have."""
    return "".join(json.dumps({"label": choice}) + "\n" for choice in predicted)


def _read_choices(text: str, examples: Sequence[Choice], task: Task) -> list[int]:
    lines, found = _lines(text, len(examples)), []
    for number, (line, example) in enumerate(zip(lines, examples, strict=True), 1):
        row = json.loads(line)
        label = row.get("label") if isinstance(row, dict) else None
        if type(label) is not int or not 0 <= label < len(example.choices):
            raise ValueError(f"line {number}: {line!r} has no label from 0 to {len(example.choices) - 1}")
        found.append(label)
    return found


def _english_sorted(examples: Sequence[Pairing]) -> list[int]:
    """Place in XTREME's file -> place among the examples; equal sentences keep their order."""
    return sorted(range(len(examples)), key=lambda index: examples[index].target.strip())


def _write_places(examples: Sequence[Pairing], predicted: Sequence[int]) -> str:
    return "".join(f"{predicted[index]}\n" for index in _english_sorted(examples))


def _read_places(text: str, examples: Sequence[Pairing], task: Task) -> list[int]:
    found = [0] * len(examples)
    lines = _lines(text, len(examples))
    for number, (line, index) in enumerate(zip(lines, _english_sorted(examples), strict=True), 1):
        if not line.isdecimal() or int(line) >= len(examples):
            raise ValueError(f"line {number}: {line!r} is no place from 0 to {len(examples) - 1}")
        found[index] = int(line)
    return found


def _lines(text: str, count: int) -> list[str]:
    lines = text.removesuffix("\n").split("\n") if text else []
    _check_count(len(lines), count, "lines")
    return lines


def _check_count(found: int, count: int, what: str) -> None:
    if found != count:
        raise ValueError(f"{found:,} {what} for {count:,} test examples")


def _check_label(label: str, task: Task, at: str) -> None:
    if label not in task.labels:
        raise ValueError(f"{at}: {label!r} is none of {', '.join(task.labels)}")


FORMATS: dict[str, Format] = {
    "classification": Format("tsv", _write_labels, _read_labels),
    "tagging": Format("tsv", _write_tags, _read_tags),
    "span": Format("json", _write_named, _read_answers, named=True),
    "choice": Format("jsonl", _write_choices, _read_choices),
    "retrieval": Format("tsv", _write_places, _read_places),
    "mining": Format("tsv", _write_pairs, _read_pairs, named=True, ids=r"[a-z]{2}-\d{9}"),
    "ranking": Format("json", _write_named, _read_ranked, named=True, ids="[0-9a-f]{32}"),
}
"""Task type -> its file."""
