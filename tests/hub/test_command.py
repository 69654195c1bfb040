"""`xadapt push` and `xadapt pull` as a user starts them, through HF_ENDPOINT."""

import json

import pytest

from tests.cli.calls import xadapt
from tests.hub.double import TOKEN, Fault, Writing, Written
from tests.sources.hub_server import serving
from tests.sources.published import surroundings
from xadapt.workflow.store import Store

STACK = "panx stack(mnli)"


@pytest.fixture
def started(place, tmp_path):
    """(hub, what runs a command there)"""
    hub = Written()
    with serving(hub, Writing) as address:
        env = surroundings(address, tmp_path / "hf") | {"HF_TOKEN": TOKEN}

        def command(*words, **more):
            done = xadapt(*words, **env | {"XADAPT_STORE": str(place.store.root)} | more)
            assert TOKEN not in done.stdout + done.stderr
            assert "Traceback" not in done.stderr
            return done

        yield hub, command


def test_a_module_goes_and_comes_back(place, started, tmp_path):
    hub, command = started
    shown = command("push", STACK, "me/it", "--dry-run")
    assert shown.returncode == 0 and "base_model: FacebookAI/xlm-roberta-base" in shown.stdout
    assert "nothing was pushed" in shown.stdout and hub.asked == []
    hub.faults.append(Fault("/commit/", 429, headers={"Retry-After": "1"}))
    done = command("push", STACK, "me/it", "-m", "first", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["written"] == len(hub.head("me/it"))
    assert done.stderr == "the hub answered 429; trying again in 1 s\n"
    pulled = command("pull", "me/it@main", "--store", str(tmp_path / "pulled"), HF_TOKEN="")
    assert pulled.returncode == 0, pulled.stderr
    assert pulled.stdout.count("pulled  train") == 2 and "experiment" in pulled.stdout
    digest = place.named(f"train {STACK}").digest
    explained = command("explain", digest[:12], "--store", str(tmp_path / "pulled"))
    assert explained.returncode == 0 and "--only" in explained.stdout


def test_an_experiment_goes_to_a_folder_and_is_there_for_a_run(place, started, tmp_path):
    _, command = started
    experiment = tmp_path / "e.toml"
    experiment.write_text((place.store.root.parent / "e.toml").read_text())
    where = f"file://{tmp_path}/lab"
    done = command("push", "--matrix", str(experiment), where, "--json")
    assert done.returncode == 0, done.stderr
    assert command("push", "--matrix", str(experiment), where).stdout.count(" 0 files written") == 1
    store = tmp_path / "pulled"
    assert command("pull", where, "--store", str(store)).returncode == 0
    assert {"train", "score", "predict", "baseline"} < {stage.kind for stage in place.plan.stages}
    assert {stage.kind for stage in place.plan.missing(Store(store))} == {"data"}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("push", "nosuch", "me/it"), 3, "no module 'nosuch'"),
        (("push", "mnli"), 2, "needed are a module and an address"),
        (("push", "mnli", "not-an-address"), 2, "is no address"),
        (("push", "--matrix", "nosuch.toml", "me/it"), 3, "nosuch"),
        (("pull", "me/nosuch"), 4, "me/nosuch: the hub has no such repository"),
    ],
)
def test_faults_are_one_line_with_a_code(started, words, code, said):
    _, command = started
    done = command(*words)
    assert done.returncode == code and done.stdout == ""
    assert done.stderr.startswith("error: ") and said in done.stderr.splitlines()[0]
    assert len(done.stderr.splitlines()) <= 2
