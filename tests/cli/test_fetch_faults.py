"""`xadapt fetch` when something is wrong: one line each, nothing half, and what was found is kept."""

import json
import signal
from contextlib import ExitStack

import pytest

from tests.sources.published import MODEL, XNLI

from .calls import background
from .places import SHARD, Place

pytestmark = pytest.mark.slow


def test_a_run_that_cannot_fetch_says_what_to_run(place: Place) -> None:
    place.env["HF_ENDPOINT"] = "http://127.0.0.1:9"
    done = place.run("run", "--store", str(place.folder / "runs"))
    assert done.returncode == 4 and "Traceback" not in done.stderr
    assert "facebook/xnli @ main: the hub cannot be reached" in done.stderr
    assert f"hint: run `xadapt fetch {place.experiment}` where there is a network" in done.stderr
    assert not (place.folder / "e.lock").exists()


def test_the_switch_of_the_library_is_named(place: Place) -> None:
    place.env["HF_HUB_OFFLINE"] = "1"
    done = place.run("fetch")
    assert done.returncode == 4 and place.hub.asked == []
    assert "the hub cannot be reached (HF_HUB_OFFLINE is set)" in done.stderr


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
        ("format", "en/test.arrow: none of the formats .jsonl"),
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
        renamed = {"README.md": card.replace("test.jsonl.gz", "test.arrow").encode(), "en/test.arrow": b"a"}
        place.hub.publish(XNLI, files | renamed)
    else:
        place.hub.status = 503
    done = place.run("fetch")
    assert done.returncode == 4, done.stderr
    assert said in done.stderr and "Traceback" not in done.stderr


def test_an_interrupted_fetch_leaves_nothing_half(place: Place) -> None:
    place.hub.stalled = SHARD
    with background("fetch", str(place.experiment), **place.env) as running:
        assert place.hub.stalling.wait(60)
        assert place.lock().dataset, "what was looked up is kept"
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    place.hub.stalled = ""
    assert running.returncode == 130 and "Traceback" not in said
    assert not list((place.folder / "hf" / "hub").glob(f"*/snapshots/*/{SHARD}"))
    assert sorted(path.name for path in place.folder.iterdir() if path.is_file()) == ["e.lock", "e.toml"]
    assert place.run("fetch", "--check", offline=True).returncode == 4
    known = place.lock()
    assert place.run("fetch").returncode == 0 and place.lock() == known
    assert place.run("fetch", "--check", offline=True).returncode == 0


def test_two_that_fetch_at_once_agree(place: Place) -> None:
    with ExitStack() as stack:
        words = ("fetch", str(place.experiment), "--json")
        both = [stack.enter_context(background(*words, **place.env)) for _ in range(2)]
        facts = [json.loads(each.communicate(timeout=120)[0]) for each in both]
    assert [each.returncode for each in both] == [0, 0]
    assert facts[0] == facts[1] and len(facts[0]["items"]) == 4
    for name in ("datasets/nyu-mll/glue", "datasets/facebook/xnli", "models/toy/encoder"):
        asked = [line for line in place.hub.asked if line.endswith(f"/api/{name}/revision/main")]
        assert len(asked) == 1, "the second waits, then reads what the first has found"
    assert place.run("fetch", "--check", offline=True).returncode == 0
