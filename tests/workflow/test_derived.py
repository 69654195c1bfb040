"""What a store keeps to save time: made once, by one process, and made again whatever happened to it."""

import errno
import json
import multiprocessing
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from xadapt.errors import DiskFull
from xadapt.workflow import derived
from xadapt.workflow.derived import Derived, kept
from xadapt.workflow.store import Store

from ..cli.calls import here

KEY = "0" * 64


class Maker:
    """Writes a word, and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, folder: Path) -> dict[str, Any]:
        self.times += 1
        (folder / "word").write_text("hello")
        (folder / "empty").write_text("")
        return {"letters": 5}


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "runs")


def test_it_is_made_once_and_then_found(store):
    make = Maker()
    for _ in range(3):
        found = kept(store, KEY, make)
        assert found.facts == {"letters": 5} and (found.folder / "word").read_text() == "hello"
    assert make.times == 1 and list(store.digests()) == []
    assert [path.name for path in derived.home(store).iterdir()] == [KEY], "no scratch is left"


@pytest.mark.parametrize(
    "harm",
    [
        lambda folder: (folder / "word").write_text("hellp"),
        lambda folder: (folder / "word").write_text("hell"),
        lambda folder: (folder / "empty").unlink(),
        lambda folder: (folder / "facts.json").write_text('{"files": {'),
        lambda folder: (folder / "facts.json").write_text("[]"),
        lambda folder: (folder / "facts.json").unlink(),
    ],
)
def test_what_was_changed_or_cut_is_made_again(store, harm):
    make = Maker()
    harm(kept(store, KEY, make).folder)
    found = kept(store, KEY, make)
    assert make.times == 2 and (found.folder / "word").read_text() == "hello"
    assert kept(store, KEY, make).facts == {"letters": 5} and make.times == 2


def test_what_a_killed_process_left_is_removed(store):
    left = derived.home(store) / f".{KEY}-1"
    left.mkdir(parents=True)
    (left / "word").write_text("hel")
    kept(store, KEY, Maker())
    assert not left.exists()


def _at_once(root: Path) -> None:
    def make(folder: Path) -> dict[str, Any]:
        with (root / "times").open("a") as file:
            file.write("x")
        (folder / "word").write_text("hello" * 10_000)
        return {}

    for number in range(20):
        found = kept(Store(root), str(number), make)
        assert len((found.folder / "word").read_text()) == 50_000


def test_processes_at_once_make_it_once(store):
    store.prepare()
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_at_once, args=(store.root,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert Counter((store.root / "times").read_text())["x"] == 20


def test_a_full_disk_is_said_and_leaves_nothing(store):
    store.prepare()

    def full(folder: Path) -> dict[str, Any]:
        (folder / "word").write_text("hel")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(DiskFull, match="bytes free"):
        kept(store, KEY, full)
    assert list(derived.home(store).iterdir()) == []


def test_what_is_removed_before_it_is_opened_is_made_again(store):
    make, looks = Maker(), []

    def opening(found):
        looks.append(found.folder)
        if len(looks) == 1:
            assert derived.remove(Store(store.root)).folders == 1
        return (found.folder / "word").read_text()

    assert derived.read(store, KEY, make, opening) == "hello" and make.times == len(looks) == 2


def test_a_file_that_no_one_has_written_is_not_looked_for_for_ever(store):
    make = Maker()
    with pytest.raises(FileNotFoundError):
        derived.read(store, KEY, make, lambda found: (found.folder / "other").read_text())
    assert make.times == 1


def test_what_another_process_makes_stays_and_is_said(store):
    for key in (KEY, "1" * 64):
        kept(store, key, Maker())
    with store.lock(KEY):
        removed = here("clean", "--store", str(store.root), "--remove", "--json")
        facts = json.loads(removed.stdout)
        assert (facts["folders"], facts["in_use"]) == (1, 1) and facts["bytes"] > 0
        said = here("clean", "--store", str(store.root), "--remove").stdout
    assert "0 folders, 0.0 MB removed; 1 stay" in " ".join(said.split())
    assert [path.name for path in derived.home(store).iterdir()] == [KEY]


def test_the_command_counts_it_and_removes_it(store):
    kept(store, KEY, Maker())
    counted = here("clean", "--store", str(store.root), "--json")
    size = sum(path.stat().st_size for path in derived.home(store).glob("*/*"))
    facts = json.loads(counted.stdout)
    assert (facts["folders"], facts["bytes"], facts["removed"]) == (1, size, False)
    assert derived.derived(store) == Derived(1, size)
    assert "1 folders, 0.0 MB removed" in here("clean", "--store", str(store.root), "--remove").stdout
    assert derived.derived(store) == Derived(0, 0) and here("clean", "--store", "nowhere").returncode == 3
