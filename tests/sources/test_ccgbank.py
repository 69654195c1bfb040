"""A user's CCGbank becomes rows: leaves in order, sections in their splits."""

import json
from pathlib import Path

import pytest

from xadapt.errors import DataError
from xadapt.sources import ccgbank
from xadapt.tasks import task

SENTENCE = r"""ID=wsj_{section}01.{number} PARSER=GOLD NUMPARSE=1
(<T S[dcl] 1 2> (<L NP NNP NNP Ada{number} NP>) (<T S[dcl]\NP 0 2> (<L (S[dcl]\NP)/NP VBZ VBZ \
sees (S[dcl]\NP_7)/NP_8>) (<L NP -LRB- -LRB- -LRB- NP>) ) )
""".replace("\\\n", "")


def release(folder: Path) -> Path:
    for section in range(25):
        for name in ("b", "a"):
            path = folder / f"data/AUTO/{section:02}/wsj_{name}.auto"
            path.parent.mkdir(parents=True, exist_ok=True)
            number = f"{section}{name}"
            path.write_text(SENTENCE.format(section=f"{section:02}", number=number), encoding="utf-8")
    return folder


def test_sections_and_leaves(tmp_path: Path) -> None:
    counts = ccgbank.convert(release(tmp_path / "bank"), tmp_path / "data")
    assert counts == {"train": 38, "validation": 6, "test": 6}
    lines = (tmp_path / "data/ccg/en/validation.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["tokens"][0] for row in rows] == ["Ada19a", "Ada19b", "Ada20a", "Ada20b", "Ada21a", "Ada21b"]
    assert rows[0]["tokens"][1:] == ["sees", "-LRB-"]
    assert rows[0]["tags"] == ["NP", "(S[dcl]\\NP)/NP", "NP"]
    example = task("ccg").read(rows[0], "1")  # type: ignore[misc]
    assert example.words == ("Ada19a", "sees", "-LRB-")  # type: ignore[union-attr]


def test_what_is_missing_or_odd_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data/AUTO/00: no \.auto file"):
        ccgbank.convert(tmp_path, tmp_path / "data")
    bank = release(tmp_path / "bank")
    (bank / "data/AUTO/24/wsj_b.auto").write_text("ID=x\nhello\n")
    with pytest.raises(DataError, match=r"24/wsj_b\.auto:2: neither ID= nor a derivation: 'hello'"):
        ccgbank.convert(bank, tmp_path / "data")
    (bank / "data/AUTO/24/wsj_b.auto").write_bytes(b"ID=\xff\n")
    with pytest.raises(DataError, match=r"not UTF-8 \(byte 4\)"):
        ccgbank.convert(bank, tmp_path / "data")
    assert not (tmp_path / "data").exists()
