"""A user's CCGbank (LDC2005T13) as rows: the leaves of `data/AUTO/NN/*.auto`, one sentence a row.

A leaf is `<L category modified-tag original-tag token predicate-category>`. Tokens keep the treebank's
spelling of brackets and slashes (`-LRB-`, `\\/`).
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from xadapt.errors import DataError
from xadapt.workflow.store import write_atomically

SECTIONS = {"train": range(19), "validation": range(19, 22), "test": range(22, 25)}
"""Sections of the Wall Street Journal in each split, as jiant prepares them."""
LEAF = re.compile(r"<L (\S+) \S+ \S+ (\S+) \S+>")


def convert(folder: Path, data: Path) -> dict[str, int]:
    """Write `data/ccg/en/<split>.jsonl` from the release in `folder`; return the sentences of each split.

    Raises DataError for a section that is not there, or a line that is neither a name nor a derivation.
    """
    found = {split: list(_sentences(folder, split)) for split in SECTIONS}
    for split, rows in found.items():
        path = data / "ccg" / "en" / f"{split}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return {split: len(rows) for split, rows in found.items()}


def _sentences(folder: Path, split: str) -> Iterator[dict[str, list[str]]]:
    for section in SECTIONS[split]:
        files = sorted((folder / "data" / "AUTO" / f"{section:02}").glob("*.auto"))
        if not files:
            place = folder / "data" / "AUTO" / f"{section:02}"
            raise DataError(f"{place}: no .auto file", "give the folder that holds data/AUTO of LDC2005T13")
        for path in files:
            yield from _file(path)


def _file(path: Path) -> Iterator[dict[str, list[str]]]:
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 (byte {error.start + 1})") from error
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.startswith("ID="):
            continue
        leaves = LEAF.findall(line)
        if not leaves:
            raise DataError(f"{path}:{number}: neither ID= nor a derivation: {line[:40]!r}")
        yield {"tokens": [token for _, token in leaves], "tags": [category for category, _ in leaves]}
