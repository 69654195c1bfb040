"""`xadapt fetch` against a hub on this machine: locked, downloaded, checked; runs then open no connection."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sources.hub_server import serving
from tests.sources.published import (
    GLUE,
    GLUE_CARD,
    MODEL,
    OTHER_ORDER,
    example,
    mnli,
    parquet_bytes,
)
from xadapt.sources import lock

from .calls import xadapt
from .places import SHARD, Place

pytestmark = pytest.mark.slow


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
    assert {cell["status"] for cell in cells} == {"ok"} and len(cells) == 8
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
    (kept,) = (store / ".experiments").glob("*/e.lock")
    assert lock.read(kept) == fetched.lock()
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


def test_the_lock_of_a_shipped_experiment_lies_in_the_current_folder(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place.folder)
    changes = ['model.name="toy/encoder"', 'target.tasks=["xnli"]', 'data.languages=["en", "de"]']
    changes += ["intermediate.tasks=[]", 'target.compositions=["alone"]']
    settings = [word for change in changes for word in ("--set", change)]
    done = xadapt("fetch", "xstilts", *settings, **place.env)
    assert done.returncode == 0, done.stderr
    said = "lock: xstilts.lock in the current folder, found when you run from here; it is new or has grown"
    assert said in done.stderr
    assert set(lock.read(place.folder / "xstilts.lock").dataset) == {"facebook/xnli", "nyu-mll/glue"}
    again = xadapt("fetch", "xstilts", *settings, "--check", **place.offline)
    assert again.returncode == 0 and "not locked" not in again.stdout


def test_nothing_to_fetch_and_a_flag_of_no_use() -> None:
    done = xadapt("fetch", "demo")
    assert done.returncode == 0 and done.stdout == "nothing of it lies on the hub\n"
    assert xadapt("fetch", "demo", "--check", "--store", "runs").returncode == 2
