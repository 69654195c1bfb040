"""Data of a search: what a limit is on, and which files a pool is read from."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.stages.test_data import run
from xadapt import toyworld
from xadapt.errors import DataError
from xadapt.sources import Folder, Toy, origins
from xadapt.stages.data import Data
from xadapt.task import Source, sources
from xadapt.tasks import task


def queries(limit: int, folder: Path) -> set[str]:
    """Those that are kept of 30; their 30 candidates are all there, before them."""
    what = task("mewslix")
    assert what.test
    places = origins(sources(what.test("en")), "toyworld", None, 30)
    found, notes = run(Data(task="mewslix", task_version=1, rows=places, limit=limit), folder, None)
    assert [each.side for each in found] == ["candidate"] * 30 + ["query"] * limit
    assert notes["dropped"] == {"limit": 30 - limit} and notes["kept"] == 30 + limit
    return {each.id for each in found[30:]}


def test_a_limit_on_a_search_is_on_its_queries(tmp_path: Path) -> None:
    few, more = queries(4, tmp_path), queries(9, tmp_path)
    assert few < more and len(more) == 9
    assert more != {f"en-{n}" for n in range(9)}, "a limit is a sample, not a head"


def test_any_config_stands_for_those_that_are_there(tmp_path: Path) -> None:
    source = Source(path="", config="*", split="test", local="xnli/*/test")
    own = replace(source, config="b", local="xnli/b/test")
    for name in ("a/test.jsonl", "b/test.csv.gz", "c/test.old.jsonl", "d/train.jsonl"):
        (tmp_path / "xnli" / name).parent.mkdir(parents=True)
        (tmp_path / "xnli" / name).write_bytes(b"")
    found = origins([own, source], "folder", tmp_path, None)
    assert [each.name for each in found if isinstance(each, Folder)] == ["xnli/b/test", "xnli/a/test"]
    with pytest.raises(DataError, match=r"xnli/\*/dev\.jsonl: no such file"):
        origins([replace(source, local="xnli/*/dev")], "folder", tmp_path, None)
    toy = origins([source], "toyworld", None, 5)
    assert [each.config for each in toy if isinstance(each, Toy)] == list(toyworld.LANGUAGES)
