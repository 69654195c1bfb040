"""The exit codes of places that cannot be written, of devices that are not there, and of stages that fail."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.workflow.fakes import Word
from xadapt.cli import run
from xadapt.workflow.context import Context
from xadapt.workflow.plan import Plan
from xadapt.workflow.stage import Stage
from xadapt.workflow.store import Store

from .calls import here, xadapt


def _outputs(place: str) -> list[list[str]]:
    return [
        ["init", f"{place}/my.toml"],
        ["report", "demo", "--output", place],
        ["demo", "--output", place],
        ["fetch", "demo", "--store", place],
    ]


@pytest.mark.parametrize("number", range(4), ids=["init", "report", "demo", "fetch"])
def test_an_output_that_cannot_be_written_is_one_line_before_anything_else(number, tmp_path):
    taken = tmp_path / "taken"
    taken.write_text("")
    for place in ("/proc/nosuch", str(taken)):
        done = here(*_outputs(place)[number], "--json", XADAPT_STORE=str(tmp_path / "runs"))
        error = json.loads(done.stdout)["error"]
        assert (done.returncode, error["code"]) == (2, 2) and place in error["message"]
        assert "fault of xadapt" not in done.stderr and done.stderr.count("\n") <= 2
        assert not (tmp_path / "runs").exists()


def test_rows_that_cannot_be_written_are_one_line(tmp_path):
    row = "(<L N NN NN word N>)\n"
    for section in range(25):
        path = tmp_path / "release" / "data" / "AUTO" / f"{section:02}" / "wsj.auto"
        path.parent.mkdir(parents=True)
        path.write_text("ID=wsj.1 PARSER=GOLD NUMPARSE=1\n" + row)
    done = here("tasks", "ccgbank", str(tmp_path / "release"), "--data", "/proc/nosuch")
    assert done.returncode == 2 and "--data /proc/nosuch: No such file" in done.stderr


def test_a_full_disk_below_stdout_is_one_line(tmp_path):
    for words in (["tasks"], ["tasks", "--json"]):
        with Path("/dev/full").open("w") as full:
            line = [sys.executable, "-c", "from xadapt.cli.main import main; main()", *words]
            done = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 2
        assert done.stderr == "error: cannot write the output: No space left on device\n"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--device", "gpu"], 2, "'gpu' is not one of 'auto', 'cpu', 'cuda', 'mps'"),
        (["--precision", "fp16"], 2, "'fp16' is not one of 'auto', 'fp32', 'bf16'"),
        (["--device", "cuda"], 9, "--device cuda: no such device is visible"),
        (["--device", "mps"], 9, "--device mps: no such device is visible"),
    ],
)
def test_a_device_is_checked_before_the_first_stage(words, code, said, tmp_path):
    store = str(tmp_path / "runs")
    done = xadapt("run", "demo", "--store", store, *words, "--json", CUDA_VISIBLE_DEVICES="")
    assert done.returncode == code and said in json.loads(done.stdout)["error"]["message"]
    assert "Value error" not in done.stderr and not Path(store).exists()


def test_an_unknown_method_is_an_unknown_name(tmp_path):
    done = xadapt("plan", "demo", "--set", "recipe.bottleneck.method=lorra", "--store", str(tmp_path))
    assert done.returncode == 3 and "did you mean 'lora'?" in done.stderr


@dataclass(frozen=True, kw_only=True)
class Join(Stage):
    """Another kind of stage above a word."""

    of: Word


BAD, ODD = Word(text="bad"), Word(text="odd")


@pytest.mark.parametrize(
    ("goals", "code"),
    [
        ([Word(text="a")], 0),
        ([Word(text="a", needs=(BAD,))], 7),
        ([Word(text="a", needs=(BAD,)), Word(text="b", needs=(Word(text="c"), BAD))], 7),
        ([Word(text="a", needs=(BAD,)), Word(text="b", needs=(ODD,))], 10),
        ([Word(text="a", needs=(BAD,)), Word(text="b")], 10),
    ],
    ids=["none failed", "one", "one for two goals", "two reasons", "a goal made"],
)
def test_failures_that_share_a_reason_end_with_its_code(goals, code, tmp_path):
    plan, context = Plan.of(goals), Context(Store(tmp_path))
    _, failures = run.execute(plan, context, 1, 1, quiet=True)
    assert run.code_of(failures, plan, context.store) == code


def test_a_plan_counts_the_goals_that_each_kind_serves(tmp_path):
    plan = Plan.of([Word(text="a", needs=(Word(text="c"),)), Join(of=Word(text="c"))])
    assert plan.count() == {"word": 2, "join": 1} and plan.served() == {"word": 2, "join": 1}
    said = json.loads(xadapt("plan", "demo", "--json", "--store", str(tmp_path)).stdout)
    assert said["served"]["data"] == said["served"]["score"] == said["cells"]
    assert said["stages"]["train"] < said["served"]["train"] <= said["served"]["predict"] < said["cells"]


def test_a_base_model_without_published_adapters_is_said_with_the_nearest():
    done = here("languages", "--model", "xlm-roberta-bas")
    assert done.returncode == 0 and "did you mean 'xlm-roberta-base'?" in done.stderr
    assert "did you mean" not in here("languages", "--model", "xlm-roberta-base").stderr
