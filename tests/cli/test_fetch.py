"""`xadapt fetch` against a hub on this machine: locked, downloaded, checked; runs then open no connection."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sources.hub_server import Hub, serving
from tests.sources.published import (
    EXPERIMENT,
    GLUE,
    GLUE_CARD,
    MODEL,
    OTHER_ORDER,
    XNLI,
    example,
    mnli,
    parquet_bytes,
    surroundings,
    without_network,
)
from xadapt.sources import lock

from .calls import xadapt

SHARD = "mnli/train-00001-of-00002.parquet"


class Place:
    """A folder with an experiment, and a hub that its commands ask."""

    def __init__(self, folder: Path, hub: Hub, address: str) -> None:
        self.folder, self.hub = folder, hub
        self.experiment = folder / "e.toml"
        self.experiment.write_text(EXPERIMENT)
        self.env = surroundings(address, folder / "hf")
        self.offline = self.env | without_network(folder / "blocked")

    def run(self, *words: str, offline: bool = False) -> subprocess.CompletedProcess[str]:
        command, *rest = words
        return xadapt(command, str(self.experiment), *rest, **(self.offline if offline else self.env))

    def lock(self) -> lock.Lock:
        return lock.read(self.folder / "e.lock")

    def cached(self, name: str) -> Path:
        (found,) = (self.folder / "hf" / "hub").glob(f"*/snapshots/*/{name}")
        return found


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    hub = example()
    with serving(hub) as address:
        yield Place(tmp_path, hub, address)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Fetched; `fetched` gives a copy, since a test may damage it."""
    hub = example()
    with serving(hub) as address:
        made = Place(tmp_path_factory.mktemp("fetched"), hub, address)
        done = made.run("fetch", "--json")
        assert done.returncode == 0, done.stderr
        made.facts = json.loads(done.stdout)  # type: ignore[attr-defined]
        yield made


@pytest.fixture
def fetched(original: Place, tmp_path: Path) -> Place:
    shutil.copytree(original.folder, tmp_path, symlinks=True, dirs_exist_ok=True)
    original.hub.asked.clear()
    return Place(tmp_path, original.hub, original.env["HF_ENDPOINT"])


def test_the_lock_says_what_was_fetched(original: Place) -> None:
    facts: dict[str, Any] = original.facts  # type: ignore[attr-defined]
    assert facts["lock"] == str(original.folder / "e.lock") and facts["wrong"] == []
    found = {(item["path"], item["part"]): (item["files"], item["rows"]) for item in facts["items"]}
    assert found == {
        ("nyu-mll/glue", "mnli/train"): (2, 40),
        ("facebook/xnli", "en/test"): (1, 12),
        ("facebook/xnli", "de/test"): (1, 12),
        ("toy/encoder", ""): (5, 0),
    }
    known, there = original.lock(), original.hub.repositories
    assert known.dataset["nyu-mll/glue"].revision == there[GLUE].refs["main"]
    assert known.dataset["facebook/xnli"].split["de/test"].names == {"label": tuple(OTHER_ORDER)}
    assert known.model["toy/encoder"].revision == there[MODEL].refs["main"]
    assert {name.rpartition(".")[2] for name in known.model["toy/encoder"].files} == {"json", "safetensors"}
    data = known.dataset["nyu-mll/glue"].split["mnli/train"].files[SHARD]
    assert data.size == len(there[GLUE].commits[there[GLUE].refs["main"]][SHARD])


def test_fetching_again_asks_for_nothing(fetched: Place) -> None:
    before = (fetched.folder / "e.lock").read_bytes()
    done = fetched.run("fetch")
    assert done.returncode == 0 and fetched.hub.asked == []
    assert (fetched.folder / "e.lock").read_bytes() == before
    total = done.stdout.splitlines()[-1].split()
    assert total[:4] == ["total", "4", "9", "64"]


@pytest.mark.slow
def test_after_fetch_a_run_opens_no_connection(fetched: Place) -> None:
    store = str(fetched.folder / "runs")
    done = fetched.run("run", "--store", store, "--json", offline=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["missing"] == 0
    report = fetched.run("report", "--store", store, "--json", offline=True)
    cells = json.loads(report.stdout)["cells"]
    assert {cell["status"] for cell in cells} == {"ok"} and len(cells) == 4
    # What is kept of the experiment keeps its lock, so that a number can be explained and made again.
    (kept,) = (fetched.folder / "runs" / ".experiments").glob("*/e.lock")
    assert lock.read(kept) == fetched.lock()
    words = ["--store", store, "--only", cells[-1]["digest"][:12], "--again"]
    again = xadapt("run", str(kept.with_suffix(".toml")), *words, **fetched.offline)
    assert again.returncode == 0 and "identical" in again.stdout


def test_prepared_data_are_read_without_a_connection_by_name(fetched: Place) -> None:
    store = fetched.folder / "runs"
    done = fetched.run("fetch", "--store", str(store), "--json", offline=True)
    assert done.returncode == 0 and json.loads(done.stdout)["prepared"] == 3, done.stderr
    sets = [path.read_text().splitlines() for path in store.glob("??/*/examples.jsonl")]
    assert sorted(map(len, sets)) == [12, 12, 40]
    for lines in sets:
        named = [json.loads(line)["label"] for line in lines]
        rows = mnli("train" if len(lines) == 40 else "validation", len(lines))
        assert named == [OTHER_ORDER[row["label"]] for row in rows]


@pytest.mark.slow
def test_a_run_fetches_what_its_lock_or_its_cache_lacks(fetched: Place) -> None:
    words = ("run", "--store", str(fetched.folder / "runs"), "--json", "--quiet")
    known = fetched.lock()
    (fetched.folder / "e.lock").unlink()
    fetched.cached(SHARD).unlink()
    done = fetched.run(*words)
    assert done.returncode == 0 and json.loads(done.stdout)["missing"] == 0, done.stderr
    assert fetched.lock() == known and fetched.cached(SHARD).is_file()
    shutil.rmtree(fetched.folder / "hf")
    assert fetched.run(*words, offline=True).returncode == 0, "all of it is in the store"


def test_a_run_that_cannot_fetch_says_what_to_run(place: Place) -> None:
    place.env["HF_ENDPOINT"] = "http://127.0.0.1:9"
    done = place.run("run", "--store", str(place.folder / "runs"))
    assert done.returncode == 4 and "Traceback" not in done.stderr
    assert "facebook/xnli @ main: the hub cannot be reached" in done.stderr
    assert f"hint: run `xadapt fetch {place.experiment}` where there is a network" in done.stderr
    assert not (place.folder / "e.lock").exists()


def test_a_plan_needs_neither_lock_nor_network(fetched: Place) -> None:
    done = fetched.run("plan", offline=True)
    assert done.returncode == 0 and "not locked" not in done.stdout
    (fetched.folder / "e.lock").unlink()
    assert "4 sources on the hub are not locked" in fetched.run("plan", offline=True).stdout
    shipped = xadapt("plan", "xstilts", "--json", **fetched.offline)
    assert json.loads(shipped.stdout)["unlocked"] > 100


def test_check_tells_what_is_missing_and_what_is_other(fetched: Place) -> None:
    done = fetched.run("fetch", "--check", offline=True)
    assert done.returncode == 0 and "wrong" not in done.stdout
    fetched.cached("en/test.jsonl.gz").unlink()
    damaged = fetched.cached(SHARD).resolve()
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    done = fetched.run("fetch", "--check", "--json", offline=True)
    facts = json.loads(done.stdout)
    assert done.returncode in (4, 5) and len(facts["items"]) == 2
    said = "\n".join(facts["wrong"])
    assert "facebook/xnli/en/test.jsonl.gz @ " in said and "is not on this machine" in said
    assert f"{SHARD}: has SHA-256" in said
    assert fetched.run("fetch").returncode == 0, "both are downloaded again"
    assert fetched.run("fetch", "--check", offline=True).returncode == 0


def test_check_without_a_lock_is_not_well(place: Place) -> None:
    done = place.run("fetch", "--check", offline=True)
    assert done.returncode == 4 and "4 sources are not locked" in done.stdout


def test_a_hub_that_moved_on_changes_nothing(fetched: Place) -> None:
    there, known = fetched.hub.repositories[GLUE], fetched.lock()
    locked = there.refs["main"]
    files = {"README.md": GLUE_CARD.encode(), SHARD: parquet_bytes(mnli("train", 3), OTHER_ORDER)}
    try:
        assert fetched.hub.publish(GLUE, files) != locked
        shutil.rmtree(fetched.folder / "hf")
        assert fetched.run("fetch").returncode == 0
        assert fetched.lock() == known
    finally:
        there.refs["main"] = locked


def test_bytes_that_stay_wrong_are_refused(place: Place) -> None:
    place.hub.damaged.add("en/test.jsonl.gz")
    done = place.run("fetch")
    assert done.returncode == 5 and "en/test.jsonl.gz: has SHA-256" in done.stderr
    place.hub.damaged.clear()
    assert place.run("fetch").returncode == 0, "the entry of the lock is the announced content"


def test_what_was_locked_before_a_failure_is_kept(place: Place) -> None:
    model = place.hub.repositories.pop(MODEL)
    done = place.run("fetch")
    assert done.returncode == 4 and "model toy/encoder @ main: the hub has no such repository" in done.stderr
    known = place.lock()
    assert set(known.dataset) == {"facebook/xnli", "nyu-mll/glue"} and known.model == {}
    place.hub.repositories[MODEL] = model
    place.hub.asked.clear()
    assert place.run("fetch").returncode == 0
    assert place.lock().dataset == known.dataset
    assert not [line for line in place.hub.asked if "/api/datasets/" in line]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("gated", "dataset facebook/xnli en/test: access is restricted by its owner"),
        ("absent", "no such repository, or a private one; the nearest is 'facebook/xnlu'"),
        ("config", "dataset facebook/xnli: no configuration 'en'; the nearest is 'eng'"),
        ("split", "dataset facebook/xnli en: no split 'test'; the nearest is 'tset'"),
        ("format", "en/test.txt: none of the formats .jsonl"),
        ("status", "dataset facebook/xnli @ main: the hub answered 503"),
    ],
)
def test_a_fault_of_the_hub_is_one_line(fault: str, said: str, place: Place) -> None:
    there = place.hub.repositories
    (files,) = there[XNLI].commits.values()
    card = files["README.md"].decode()
    if fault == "gated":
        place.hub.gated.add(XNLI)
    elif fault == "absent":
        there["datasets/facebook/xnlu"] = there.pop(XNLI)
    elif fault == "config":
        place.hub.publish(XNLI, files | {"README.md": card.replace(": en\n", ": eng\n").encode()})
    elif fault == "split":
        place.hub.publish(XNLI, files | {"README.md": card.replace("split: test", "split: tset").encode()})
    elif fault == "format":
        renamed = {"README.md": card.replace("test.jsonl.gz", "test.txt").encode(), "en/test.txt": b"a"}
        place.hub.publish(XNLI, files | renamed)
    else:
        place.hub.status = 503
    done = place.run("fetch")
    assert done.returncode == 4, done.stderr
    assert said in done.stderr and "Traceback" not in done.stderr


def test_nothing_to_fetch_and_a_flag_of_no_use() -> None:
    done = xadapt("fetch", "demo")
    assert done.returncode == 0 and done.stdout == "nothing of it lies on the hub\n"
    assert xadapt("fetch", "demo", "--check", "--store", "runs").returncode == 2
