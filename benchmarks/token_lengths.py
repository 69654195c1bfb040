"""How many tokens the sequences of real tasks have: what the lengths of the speed benchmarks are drawn from.

    python benchmarks/token_lengths.py --data DIR --tokenizer FILE

Writes token_lengths.json: the sizes at each of 100 equal steps from the shortest sequence to the longest,
special tokens included and nothing cut. English tasks are counted by a tokenizer of the `tokenizers` library
(here, the 50,257 byte pairs of GPT-2 and RoBERTa), the test languages of XNLI by the rule of `lengths.py`,
since such a vocabulary is English. DIR has slices in the layout of a data folder; no text of them is kept.
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from lengths import LARGEST, Count, by_rule, read, sequences
from tokenizers import Tokenizer

from xadapt.task import sources
from xadapt.tasks import task

PLACE = Path(__file__).parent / "token_lengths.json"
TRAINED = (
    "mnli",
    "qqp",
    "hellaswag",
    "cosmos_qa",
    "commonsense_qa",
    "ccg_substitute",
    "udpos",
    "panx",
    "squad",
)
TESTED = ("ar", "de", "en", "es", "ru", "sw", "vi", "zh")


def quantiles(examples: list[Any], count: Count) -> list[int]:
    each = [tokens for example in examples for _, tokens in sequences(example, count)]
    return [round(size) for size in np.quantile(each, np.linspace(0, 1, 101))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True, help="a tokenizer.json")
    asked = parser.parse_args()
    made = Tokenizer.from_file(str(asked.tokenizer))

    def count(text: str) -> int:
        return len(made.encode(text, add_special_tokens=False).ids)

    found: dict[str, Any] = {"train": {}, "xnli": {}}
    for name in TRAINED:
        what = task(name)
        found["train"][name] = quantiles(
            read(what, sources(what.train), "folder", asked.data, LARGEST), count
        )
    for language in TESTED:
        what = task("xnli")
        rows = read(what, sources(what.test(language)), "folder", asked.data, LARGEST)
        found["xnli"][language] = quantiles(rows, by_rule)
    facts = {"vocabulary": made.get_vocab_size(), "command": "python benchmarks/token_lengths.py"}
    lines = re.sub(
        r"\[\s+([\d,\s]+?)\s+\]", lambda m: f"[{' '.join(m[1].split())}]", json.dumps(facts | found, indent=1)
    )
    PLACE.write_text(lines + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
