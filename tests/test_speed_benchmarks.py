"""The speed benchmarks run, and compare things that compute the same."""

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


def loaded(name: str) -> ModuleType:
    """By its path: in the search path its names would hide those of packages."""
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", FOLDER / f"{name}.py")
    assert spec and spec.loader
    made = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = made
    spec.loader.exec_module(made)
    return made


def quick(name: str, *words: str) -> dict[str, Any]:
    """The JSON that a smoke run prints; it ends with an error where contenders do not compute the same."""
    line = [sys.executable, str(FOLDER / f"{name}.py"), "--quick", *words]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


def test_drawn_lengths_have_the_mean_of_the_data_however_few_they_are() -> None:
    workload = loaded("workload")
    for lengths in workload.TASKS.values():
        real = float(np.mean(lengths.drawn(20_000, np.random.default_rng(0))))
        for count in (50, 400):
            drawn = lengths.drawn(count, np.random.default_rng(count))
            assert len(drawn) == count and max(drawn) <= lengths.longest
            assert np.mean(drawn) == pytest.approx(real, rel=0.06)


def test_every_part_of_the_run_on_a_gpu_is_thought_to_end_in_time() -> None:
    gpu = loaded("gpu")
    assert all((FOLDER / f"{line.name}.py").exists() for line in gpu.LINES)
    for part in gpu.parts(gpu.LINES):
        chosen = gpu.lines([part], [], False)
        assert chosen and sum(line.seconds for line in chosen) <= gpu.EACH - 30 < 570
    assert {line.name for line in gpu.lines([], [], True)} == {line.name for line in gpu.LINES}
    assert [line.name for line in gpu.lines([], ["memory"], False)] == ["memory"] * 2


def test_needed_flops_grow_with_what_trains() -> None:
    workload = loaded("workload")
    from xadapt.recipe import Bottleneck, Full, LoRA

    shape, sizes = workload.SHAPES["mid"], [40] * 32
    low, bottleneck, full = (
        workload.step_flops(shape, sizes, each) for each in (LoRA(), Bottleneck(), Full())
    )
    # Two thirds of a full step, and what the modules add; of LoRA also most of the first layer's backward.
    assert 0.64 < bottleneck / full < 0.70 and 0.64 < low / full < 0.70
    assert workload.step_flops(shape, sizes * 2, Full()) == 2 * full


@pytest.mark.parametrize(
    "word", ["किताबें", "มหาวิทยาลัย", "தமிழ்நாடு", "বাংলাদেশ", "မြန်မာနိုင်ငံ", "مُحَمَّد", "می‌خواهم", "čeština"]
)
def test_signs_on_letters_belong_to_the_word(word: str) -> None:
    lengths = loaded("lengths")
    assert lengths.RUN.findall(f"({word})") == ["(", word, ")"]
    bare = [letter for letter in word if letter.isalpha()]
    assert lengths.by_rule(word) <= len(bare), "at most a token a letter"


@pytest.fixture(scope="module")
def steps() -> dict[str, Any]:
    """The contenders of one task by each method, in one process."""
    (found,) = quick("train_step", "--part", "one").values()
    contenders: dict[str, Any] = found["contenders"]
    return contenders


@pytest.mark.slow
@pytest.mark.parametrize("method", ["bottleneck", "lora", "full"])
def test_trainers_and_bare_steps_end_at_the_loss_of_xadapt(steps: dict[str, Any], method: str) -> None:
    own = {name: each for name, each in steps.items() if name.startswith(f"{method}: ")}
    same = {name: each["last_loss"] for name, each in own.items() if "grouped" not in name}
    assert any("trainer" in name for name in same) and len(same) >= 4
    assert max(same.values()) - min(same.values()) < 1e-3
    assert all(0 < each["of_ceiling"] < 1 for each in own.values())


@pytest.mark.slow
def test_a_matrix_is_the_same_in_a_loop_of_the_runs() -> None:
    (found,) = quick("matrix").values()
    assert found["trainings"] == 12 and found["predictions"] == 60
    assert all(
        found["contenders"][who]["cpu_seconds"] > 0 for who in ("xadapt", "xadapt, one by one", "adapters")
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "words", "contender"),
    [
        ("predict", ("--part", "languages", "--batch", "32"), "adapters, 32 at a time, sorted"),
        ("predict", ("--part", "modules"), "adapters, a load for each module"),
        ("retrieval", (), "numpy, blocks"),
        ("early_exit", (), "transformers, all layers, sorted"),
    ],
)
def test_answers_agree(name: str, words: tuple[str, ...], contender: str) -> None:
    (found,) = quick(name, *words).values()
    assert contender in found


@pytest.mark.slow
def test_curves_of_seeds_lie_further_apart_than_those_of_precisions() -> None:
    (found,) = quick("curves").values()
    assert [len(found["curves"][kind]) for kind in ("fp32", "bf16")] == [3, 3]
    assert 0 < found["precision"] < found["seeds"]


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a compiler for C++")
def test_parts_are_compiled_once_for_all_lengths() -> None:
    found = quick("compiled")
    assert found["compilations"] > 0 and found["compilations_for_further_lengths"] == 0
    assert 0 < found["share"] < 1


@pytest.mark.slow
def test_a_finished_grid_is_found_finished() -> None:
    line = [sys.executable, str(FOLDER / "startup.py"), "--quick"]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    seconds, _ = json.JSONDecoder().raw_decode(done.stdout)
    assert set(seconds) > {"plan_grid_cached", "run_grid_cached"}
