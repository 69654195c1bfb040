"""How long the examples of each task are: the table that forecasts read before any data are there.

    python benchmarks/lengths.py --data DIR

Writes xadapt/forecast/lengths.json. The toy world is measured with its own tokenizer. Of the real tasks the
slices in DIR are read, whose rows are those of the tasks, and tokens are counted by a rule in place of
XLM-R's vocabulary: a run of letters and of the marks on them (vowel signs, accents, joiners) has one token
for each 4.6 of an alphabet, 3.2 of a script with other vowels, 1.6 of Chinese, Japanese and Korean; every
other sign is one. A task without a slice is left out. Lengths are those of one sequence, special tokens
included, as the means of ten equal parts. Prints the characters of a token by the rule, in the slices of
Tatoeba, beside those of XLM-R's own tokenizer.
"""

import argparse
import itertools
import json
import re
import statistics
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from xadapt import errors, sources
from xadapt.examples import Choice, Classification, Pairing, Passage, Question, Tagging, Text
from xadapt.forecast.lengths import PLACE
from xadapt.sources import origins
from xadapt.stages.data import Counts, _examples
from xadapt.task import Source, Task
from xadapt.task import sources as as_tuple
from xadapt.tasks import tasks
from xadapt.workflow.digest import canonical

ROWS = 300
LARGEST = 4000
MARKS = "".join(
    re.escape(sign) for sign in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(sign)[0] == "M"
)
r"""Which \w of `re` leaves out."""
RUN = re.compile(rf"(?:[^\W\d_]|[{MARKS}\u200c\u200d])+|\d|[^\w\s]|_")
DENSE = re.compile(r"[\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7af]")
ALPHABET = re.compile(r"[A-Za-z\u00c0-\u04ff\u1e00-\u1fff]")
Count = Callable[[str], int]
CHARACTERS = {
    "ar": 3.26,
    "bn": 3.10,
    "de": 4.34,
    "el": 3.58,
    "en": 4.34,
    "fa": 3.71,
    "fi": 4.06,
    "he": 3.00,
    "hi": 3.45,
    "ja": 1.71,
    "ka": 3.54,
    "ko": 1.89,
    "ml": 3.58,
    "mr": 3.59,
    "ru": 4.03,
    "ta": 3.76,
    "te": 3.31,
    "th": 3.86,
    "tr": 4.30,
    "ur": 3.48,
    "vi": 3.88,
    "zh": 1.51,
}
"""Of a token of XLM-R in FLORES-200: columns UTF-32 and XLM-RoBERTa of assets/tokenization_lengths.csv in
github.com/AleksandarPetrov/tokenization-fairness (Petrov et al. 2023). Burmese, of which Tatoeba has none,
has 3.12."""


def by_rule(text: str) -> int:
    """Tokens of a text as XLM-R would about cut it."""
    return sum(_run(found) for found in RUN.findall(text))


def _run(run: str) -> int:
    width = 1.6 if DENSE.match(run) else 4.6 if ALPHABET.match(run) else 3.2
    return max(1, round(len(run) / width))


def by_toyworld() -> Count:
    from importlib.resources import files

    from tokenizers import Tokenizer

    made = Tokenizer.from_file(str(files("xadapt.toyworld") / "encoder" / "tokenizer.json"))
    return lambda text: len(made.encode(text, add_special_tokens=False).ids)


def sequences(example: Any, count: Count) -> list[tuple[int, int]]:
    """(tokens that every window repeats, all tokens) of each sequence of an example."""
    if isinstance(example, Question):
        question = min(64, count(example.question)) + 4
        return [(question, question + count(example.context))]
    if isinstance(example, Choice):
        context = count(example.context) + 4
        return [(0, context + count(choice)) for choice in example.choices]
    if isinstance(example, Tagging):
        return [(0, sum(map(count, example.words)) + 2)]
    if isinstance(example, Pairing):
        return [(0, count(side) + 2) for side in (example.source, example.target)]
    assert isinstance(example, Classification | Text | Passage)
    pair = 0 if example.pair is None else count(example.pair) + 2
    return [(0, count(example.text) + 2 + pair)]


def measured(examples: Sequence[Any], count: Count) -> dict[str, Any]:
    found = [sequences(example, count) for example in examples]
    each = sorted(tokens for example in found for _, tokens in example)
    cuts = [len(each) * part // 10 for part in range(11)]
    parts = [each[first : max(last, first + 1)] for first, last in itertools.pairwise(cuts)]
    size = [len(json.dumps(canonical(example), ensure_ascii=False).encode()) for example in examples]
    return {
        "sequences": round(statistics.mean(map(len, found)), 2),
        "tokens": [round(statistics.mean(part)) for part in parts],
        "repeated": round(statistics.mean(before for example in found for before, _ in example)),
        "bytes": round(statistics.mean(size)),
    }


def splits(what: Task) -> Iterator[tuple[str, list[tuple[Source, ...]]]]:
    if what.train is not None and what.trains_as is None:
        yield "train", [as_tuple(what.train)]
    if what.test is not None:
        yield "test", [as_tuple(what.test(language)) for language in (*what.languages, *what.wider)]


def read(what: Task, found: tuple[Source, ...], world: Any, data: Path | None, most: int = ROWS) -> list[Any]:
    rows = sources.rows(origins(found, world, data, ROWS), data, Counts().others)
    # Spread over the file: rows of one origin often stand together.
    every = list(itertools.islice(_examples(what, rows, Counts(), True), LARGEST))
    return every[:: max(1, len(every) // most)]


def world_of(name: str, data: Path | None, count: Count) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for what in tasks().values():
        for split, every in splits(what):
            examples: list[Any] = []
            if name == "toyworld":
                every = _toy(split, every[0])
            for found in every:
                # The slices have not every language, nor every task.
                with suppress(errors.DataError):
                    examples += read(what, found, name, data)
            if examples:
                made.setdefault(what.name, {})[split] = measured(examples, count)
    return made


def _toy(split: str, found: tuple[Source, ...]) -> list[tuple[Source, ...]]:
    """These sources in the first two languages that the world has for them; nothing for what it has not."""
    from xadapt import toyworld

    names = [each.local.split("/")[0] for each in found]
    if not all(name in toyworld.DATASETS for name in names):
        return []
    return [tuple(_in(each, place) for each in found) for place in range(1 if split == "train" else 2)]


def _in(source: Source, place: int) -> Source:
    from xadapt import toyworld

    dataset, _, split = source.local.split("/")
    configs = toyworld.DATASETS[dataset].configs
    return replace(source, local=f"{dataset}/{configs[min(place, len(configs) - 1)]}/{split}")


def characters(data: Path) -> dict[str, tuple[float, float]]:
    """Language -> characters of a token (by the rule in the slices of Tatoeba, of XLM-R)."""
    found = {}
    for language, known in CHARACTERS.items():
        path = data / "tatoeba" / language / "validation.jsonl"
        if path.exists():
            rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
            texts = [row["source_sentence"] for row in rows]
            found[language] = sum(map(len, texts)) / sum(map(by_rule, texts)), known
    return found


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--data", type=Path, required=True)
    data = asked.parse_args().data
    toy, real = world_of("toyworld", None, by_toyworld()), world_of("folder", data, by_rule)
    lines = json.dumps({"toyworld": toy, "real": real}, indent=1)
    lines = re.sub(r"\[\s+([\d,\s]+?)\s+\]", lambda found: f"[{' '.join(found[1].split())}]", lines)
    PLACE.write_text(lines + "\n", encoding="utf-8")
    for language, (rule, known) in characters(data).items():
        print(f"{language}: {rule:.2f} characters a token, of XLM-R {known:.2f}")


if __name__ == "__main__":
    main()
