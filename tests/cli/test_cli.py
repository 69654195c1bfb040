"""The command line as a user meets it: output, exit codes, and a small run from end to end."""

import json
import signal
from pathlib import Path

import pytest
from safetensors import safe_open

from xadapt import experiment
from xadapt.stages.train import Train
from xadapt.workflow.plan import Plan

from .calls import here, on_a_terminal, xadapt

SMALL = """
[model]
name = "toyworld"
[data]
world = "toyworld"
languages = ["en", "qaa"]
train_rows = 64
test_rows = 40
[reading]
layer = 4
[recipe.a]
method = { name = "bottleneck", reduction_factor = 8 }
steps = 6
batch = 8
lr = 1e-3
pooling = "max"
[intermediate]
tasks = ["mnli", "hellaswag"]
[target]
tasks = ["xnli", "xcopa", "udpos", "xquad", "tatoeba"]
compositions = ["alone", "stack(mnli)", "continue(mnli)", "fuse(all)"]
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> tuple[Path, Path]:
    """(experiment file, store) of a small run that is finished."""
    folder = tmp_path_factory.mktemp("small")
    path, store = folder / "small.toml", folder / "runs"
    path.write_text(SMALL)
    done = xadapt("run", str(path), "--store", str(store), "--together", "3", "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["failed"] == [] and facts["missing"] == 0 and facts["cached"] == 0
    return path, store


@pytest.mark.slow
def test_again_nothing_runs_and_the_report_has_every_cell(small):
    path, store = small
    again = json.loads(xadapt("run", str(path), "--store", str(store), "--json").stdout)
    assert again["ran"] == 0 and again["cached"] > 50
    for command in ("run", "plan"):
        within = xadapt(command, str(path), "--store", str(store), "--memory", "600MB")
        assert within.returncode == 0, "what is finished need not fit"
        assert "memory 600" not in within.stdout + within.stderr
    facts = json.loads(xadapt("report", str(path), "--store", str(store), "--json").stdout)
    keys = {"task", "language", "composition", "method", "seed", "metric", "value", "digest", "status"}
    assert facts["schema_version"] == 1 and all(keys <= cell.keys() for cell in facts["cells"])
    assert all(0 <= c["value"] <= 100 and len(c["digest"]) == 64 for c in facts["cells"])
    every = {"baseline", "alone", "stack(mnli)", "continue(mnli)", "fuse(mnli, hellaswag)"}
    assert {c["composition"] for c in facts["cells"] if c["task"] == "tatoeba"} >= every


@pytest.mark.slow
def test_a_number_explains_itself_and_is_made_again(small):
    path, store = small
    cells = json.loads(xadapt("report", str(path), "--store", str(store), "--json").stdout)["cells"]
    cell = next(c for c in cells if c["composition"] == "stack(mnli)" and c["task"] == "udpos")
    explained = json.loads(xadapt("explain", cell["digest"], "--store", str(store), "--json").stdout)
    kinds = [stage["kind"] for stage in explained["stages"]]
    assert kinds[0] == "score" and kinds.count("train") == 2 and kinds.count("data") == 3
    train = next(stage for stage in explained["stages"] if stage["kind"] == "train")
    assert "--only" in explained["again"] and "small.toml" in explained["again"]
    again = xadapt("run", str(path), "--store", str(store), "--only", train["digest"][:12], "--again")
    assert again.returncode == 0 and "identical" in again.stdout
    text = xadapt("explain", cell["digest"][:8], "--store", str(store), COLUMNS="40", NO_COLOR="1")
    assert text.returncode == 0 and "make it again" in text.stdout and "\x1b" not in text.stdout


@pytest.mark.slow
def test_verify_finds_a_changed_file_and_run_mends_it(small, tmp_path):
    _path, store = small
    import shutil

    copy = tmp_path / "runs"
    shutil.copytree(store, copy)
    assert xadapt("verify", "--store", str(copy)).returncode == 0
    victim = next(copy.glob("[0-9a-f]*/*/adapter.safetensors"))
    data = bytearray(victim.read_bytes())
    data[-1] ^= 1
    victim.write_bytes(data)
    found = xadapt("verify", "--store", str(copy), "--json")
    assert found.returncode == 5
    assert [c["digest"] for c in json.loads(found.stdout)["changed"]] == [victim.parent.name]


@pytest.mark.slow
def test_markdown_has_every_digest(small, tmp_path):
    path, store = small
    done = xadapt("report", str(path), "--store", str(store), "--output", str(tmp_path), COLUMNS="40")
    assert done.returncode == 0
    page = (tmp_path / "small.md").read_text()
    cells = json.loads((tmp_path / "small.json").read_text())["cells"]
    assert all(c["digest"][:8] in page for c in cells if c["digest"])
    assert "n/a" in page and "## Against cheap baselines" in page


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_run_continues(tmp_path, number):
    path, store = tmp_path / "e.toml", tmp_path / "runs"
    path.write_text(SMALL.replace("steps = 6", "steps = 80"))
    settings = ['target.tasks=["xnli"]', 'target.compositions=["alone"]']
    words = ["run", str(path), "--store", str(store), "--set", settings[0], "--set", settings[1]]
    plan = Plan.of(experiment.load(str(path), settings).goals())
    (training,) = (stage for stage in plan.stages if isinstance(stage, Train))
    with on_a_terminal(*words) as (process, said):
        # Before its first step it may still import or read its data.
        assert any(" step " in line for line in said)
        process.send_signal(number)
        shown = "".join(said)
        code = process.wait(timeout=60)
    if number == signal.SIGINT:
        assert code == 130 and "run the same command again" in shown
        with safe_open(store / f".progress/{training.digest}/checkpoint.safetensors", "pt") as file:
            assert 0 < json.loads(file.metadata()["state"])["step"] < 80
    else:
        assert code == -9
    rest = xadapt(*words, "--json")
    assert rest.returncode == 0 and json.loads(rest.stdout)["missing"] == 0


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["run", "nosuch"], 3, "no experiment 'nosuch'"),
        (["run", "demo", "--set", "recipe.bottleneck.lrr=1"], 2, "did you mean 'lr'"),
        (["run", "demo", "--set", "target.compositions=['fuse(mnli)']"], 2, "fuse takes 2 or more"),
        (["run", "demo", "--set", "target.tasks=['xnil']"], 3, "did you mean 'xnli'"),
        (["plan", "real_small", "--data", "/nonexistent"], 4, "no such folder"),
        (["plan", "real_small"], 2, "--data DIR"),
        (["run", "demo", "--bogus"], 2, "No such option"),
        (["nosuch"], 2, "No such command"),
        (["explain", "ffffffff"], 3, "no digest starts with 'ffffffff'"),
        (["verify", "--store", "/nonexistent"], 3, "no such store"),
        (["report", "demo", "--store", "/nonexistent"], 3, "/nonexistent: no such store"),
        (["tasks", "show", "xnil"], 3, "did you mean 'xnli'"),
        (["run", "demo", "--again"], 2, "--again needs --only"),
        (["run", "demo", "--only", "zzzz"], 3, "--only zzzz: no stages of this experiment start so"),
    ],
)
def test_each_fault_ends_in_one_line_and_its_code(words, code, message, tmp_path):
    done = xadapt(*words, XADAPT_STORE=str(tmp_path))
    assert done.returncode == code
    assert message in done.stderr and "Traceback" not in done.stderr
    if "--bogus" not in words and words != ["nosuch"]:
        as_json = here(*words, "--json", XADAPT_STORE=str(tmp_path))
        assert json.loads(as_json.stdout)["error"]["code"] == code


def test_no_permission_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    done = xadapt("run", "demo", "--store", str(tmp_path / "file"))
    assert done.returncode != 0 and "Traceback" not in done.stderr and "error:" in done.stderr


def test_help_shows_examples_first_and_exit_codes(tmp_path):
    top = xadapt("--help", COLUMNS="100", NO_COLOR="1").stdout
    assert top.index("Examples") < top.index("Commands") < top.index("Exit codes")
    for command in (
        "demo",
        "init",
        "plan",
        "run",
        "report",
        "submit",
        "explain",
        "verify",
        "tasks",
        "doctor",
    ):
        page = here(command, "--help", COLUMNS="100", NO_COLOR="1")
        assert page.returncode == 0 and page.stdout.index("Examples") < page.stdout.index("Options")
        narrow = here(command, "--help", COLUMNS="40", NO_COLOR="1", TERM="dumb").stdout
        assert max(map(len, narrow.splitlines())) <= 40


def test_plan_tasks_and_doctor_speak_json(tmp_path):
    plan = json.loads(xadapt("plan", "demo", "--json", "--store", str(tmp_path)).stdout)
    assert plan["stages"]["train"] == plan["missing"]["train"] > 20
    listed = json.loads(here("tasks", "--json").stdout)["tasks"]
    assert {"name", "type", "role", "benchmark", "languages", "metric"} <= listed[0].keys()
    doctor = here("doctor", "--json")
    assert doctor.returncode == 0 and json.loads(doctor.stdout)["ok"]


def test_init_writes_what_plan_reads_and_never_overwrites(tmp_path):
    path = tmp_path / "my.toml"
    assert xadapt("init", str(path)).returncode == 0
    assert xadapt("plan", str(path), "--store", str(tmp_path)).returncode == 0
    before = path.read_text()
    again = xadapt("init", str(path))
    assert again.returncode == 2 and "is there already" in again.stderr and path.read_text() == before


@pytest.mark.parametrize("env", [{"LC_ALL": "C", "LANG": ""}, {"TERM": "dumb"}, {"HOME": ""}])
def test_poor_terminals_work(env, tmp_path):
    done = xadapt("tasks", **env)
    assert done.returncode == 0 and "Part-of-speech" in done.stdout
