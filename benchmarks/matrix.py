"""A whole small matrix: as xadapt runs its plan, and as a loop of the libraries' runs, one after another.

    python benchmarks/matrix.py [--device cuda] [--shape small] [--steps 20] [--write] [--quick]

Two intermediate tasks and two targets of the toy world, each target alone, continued from and stacked on each
intermediate module: twelve trainings, their predictions in six languages. Both train the same examples in the
same order from the same weights, without dropout, and load the encoder from the same folder; the loop does so
for each run, as its scripts do. Data are ready before. xadapt also checks and records each stage. The mean
losses of the last ten steps and the answers must agree. Wall and CPU seconds of all there is beside the data.
"""

import argparse
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import adapters
import adapters.composition
import numpy as np
import torch
from command import asked as asked_for
from command import parser
from contenders import Training
from libraries import Flags, Library, save
from measuring import keep
from trainers import collator, prepared, row
from workload import SHAPES

from xadapt import experiment
from xadapt.composition import Continue, Stack
from xadapt.experiment.locked import locked
from xadapt.modeling.heads import SentenceHead
from xadapt.modeling.module import Module
from xadapt.modeling.pretrained import tokenizer
from xadapt.stages.data import Data
from xadapt.stages.predict import Predict
from xadapt.stages.train import Train
from xadapt.task_types import task_type
from xadapt.task_types.items import Item
from xadapt.tasks import task
from xadapt.training.batches import stream
from xadapt.training.jobs import name
from xadapt.training.restore import read
from xadapt.workflow.context import Context
from xadapt.workflow.execute import run
from xadapt.workflow.plan import Plan
from xadapt.workflow.store import Store

TOY = Path(experiment.__file__).parents[1] / "toyworld" / "encoder"
FILE = """
seeds = [1]
[model]
name = "random"
folder = "encoder"
[data]
world = "toyworld"
train_rows = {train}
test_rows = {test}
[recipe.bottleneck]
method = "bottleneck"
lr = 1e-3
steps = {steps}
batch = {batch}
warmup = 0.0
dropout = 0.0
max_length = 128
[intermediate]
tasks = ["anli_plus", "qqp"]
[target]
tasks = ["xnli", "pawsx"]
compositions = ["alone", "continue(each)", "stack(each)"]
"""
LAST = 10
"""Steps whose mean loss is compared."""
FAR = {"fp32": 1e-2, "bf16": 5e-2}
AGREE = 0.98
"""Of the answers: one that is a tie but for rounding may differ."""


def encoder_folder(shape: str, folder: Path) -> None:
    """A random encoder with the vocabulary and the tokenizer of the toy world."""
    words = json.loads((TOY / "config.json").read_text(encoding="utf-8"))["vocab_size"]
    replace(SHAPES[shape], vocabulary=words).encoder().to_hf().save_pretrained(folder)
    for path in TOY.glob("*token*.json"):
        shutil.copy(path, folder)


class Loop:
    """The runs of the libraries, into `out`, from the data of a store."""

    def __init__(self, folder: Path, context: Context, out: Path, flags: Flags, device: torch.device) -> None:
        self.encoder, self.context, self.out = folder / "encoder", context, out
        self.flags, self.device = flags, device
        self.losses: dict[str, float] = {}
        self.answers: dict[str, list[str]] = {}

    def run(self, plan: Plan) -> None:
        for stage in plan.stages:
            if isinstance(stage, Train):
                tests = [each for each in plan.stages if isinstance(each, Predict) and each.module == stage]
                self._train(stage, tests)

    def _train(self, stage: Train, tests: list[Predict]) -> None:
        words = tokenizer(str(self.encoder), None)
        labels, kind = task(stage.task).labels, task_type(task(stage.task).type)
        model = adapters.XLMRobertaAdapterModel.from_pretrained(self.encoder)
        items = kind.encode(read(stage.data, self.context), words, stage.recipe, labels)
        training = self._training(stage, items, labels, model.config)
        self._load(model, stage, training, labels)
        with tempfile.TemporaryDirectory() as scratch:
            made = prepared(Library(model, self.device), training, self.flags, scratch)
            made.train()
            model.save_adapter(
                str(self.out / stage.digest), training.name, with_head=False, use_safetensors=True
            )
            made.data_collator = collator(None)
            for test in tests:
                texts = kind.encode(read(test.data, self.context), words, stage.recipe, labels)
                logits = made.predict([row(each) for each in texts]).predictions
                self.answers[test.digest] = [labels[int(each)] for each in logits.argmax(-1)]
        last = made.losses[-LAST:]
        self.losses[stage.digest] = float(torch.stack(last).mean())

    def _training(self, stage: Train, items: list[Item], labels: tuple[str, ...], config: Any) -> Training:
        """From the weights that xadapt starts from."""
        module = Module.initial(stage.recipe.method, config, stream(stage.seed, name(stage), "module"))
        head = SentenceHead.initial(config, len(labels), stream(stage.seed, stage.task, "head"))
        return Training(str(stage.task), items, stage.recipe, module, head)

    def _load(self, model: Any, stage: Train, training: Training, labels: tuple[str, ...]) -> None:
        """The modules of a run from where they lie; the last one trains."""
        own = active = training.name
        with tempfile.TemporaryDirectory() as folder:
            save(Path(folder), training, model.config, labels)
            given = {"use_safetensors": True, "with_head": False}
            if isinstance(stage.base, Continue):
                model.load_adapter(self._made(stage), load_as=own, **given)
            else:
                model.load_adapter(folder, **given)
            model.load_head(folder, use_safetensors=True)
        if isinstance(stage.base, Stack):
            model.load_adapter(self._made(stage), load_as="below", **given)
            active = adapters.composition.Stack("below", own)
        model.train_adapter(own)
        model.active_adapters, model.active_head = active, own

    def _made(self, stage: Train) -> str:
        (part,) = stage.base.parts
        return str(self.out / part.digest)


def by_xadapt(plan: Plan, context: Context, together: int) -> tuple[dict[str, float], dict[str, list[str]]]:
    """Mean last losses by training and answers by prediction."""
    for outcome in run(plan, context, workers=1, together=together):
        if outcome.error:
            raise outcome.error
    losses, answers = {}, {}
    for stage in plan.stages:
        folder = context.store.path(stage)
        if isinstance(stage, Train):
            losses[stage.digest] = json.loads((folder / "curve.json").read_text(encoding="utf-8"))[-1][1]
        elif isinstance(stage, Predict):
            lines = (folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
            answers[stage.digest] = [json.loads(line)["prediction"] for line in lines]
    return losses, answers


def measure(asked: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        encoder_folder(asked.shape, folder / "encoder")
        sizes = {"train": asked.steps * asked.batch, "test": asked.test, "steps": asked.steps}
        (folder / "matrix.toml").write_text(FILE.format(batch=asked.batch, **sizes), encoding="utf-8")
        plan = planned(folder)
        data = Plan.of(stage for stage in plan.stages if isinstance(stage, Data))
        by_xadapt(data, context(folder / "data", asked), 1)
        warm(device)
        times: dict[str, list[dict[str, float]]] = {}
        for number in range(asked.rounds):
            found = {}
            for who in ("xadapt", "xadapt, one by one", "adapters"):
                store = folder / f"{who}{number}"
                shutil.copytree(folder / "data", store)
                found[who], seconds = _timed(partial(_run, who, plan, folder, store, asked, device))
                times.setdefault(who, []).append(seconds)
            agreed = agreement(found, plan)
        kinds = {"trainings": Train, "predictions": Predict}
        counts = {word: sum(isinstance(s, kind) for s in plan.stages) for word, kind in kinds.items()}
    return {"contenders": facts(times)} | counts | sizes | {"batch": asked.batch, "agreement": agreed}


def warm(device: torch.device) -> None:
    """What a process loads once of a GPU belongs to no contender."""
    if device.type == "cuda":
        x = torch.ones(1024, 1024, device=device, dtype=torch.bfloat16)
        (x @ x).sum().item()


def planned(folder: Path) -> Plan:
    """All predictions of the experiment and what they need."""
    _, plan = locked(experiment.load(str(folder / "matrix.toml")), str(folder / "matrix.toml"))
    return Plan.of(
        stage for stage in plan.stages if isinstance(stage, Predict) and isinstance(stage.module, Train)
    )


def context(store: Path, asked: argparse.Namespace) -> Context:
    made = Store(store)
    made.prepare()
    return Context(made, device=asked.device, precision=asked.precision)


def _run(
    who: str, plan: Plan, folder: Path, store: Path, asked: argparse.Namespace, device: torch.device
) -> tuple[dict[str, float], dict[str, list[str]]]:
    own = context(store, asked)
    if who != "adapters":
        return by_xadapt(plan, own, 1 if "one by one" in who else len(plan.stages))
    loop = Loop(folder, own, store, Flags("dynamic", asked.precision == "bf16"), device)
    loop.run(plan)
    return loop.losses, loop.answers


def _timed(call: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    wall, cpu = time.perf_counter(), time.process_time()
    made = call()
    return made, {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def agreement(found: dict[str, Any], plan: Plan) -> dict[str, dict[str, float]]:
    """Of each contender: how far its losses are from those of xadapt at most, its share of like answers."""
    losses, answers = found["xadapt"]
    trained = [stage.digest for stage in plan.stages if isinstance(stage, Train)]
    made = {}
    for who, (other, said) in found.items():
        pairs = [pair for digest in answers for pair in zip(answers[digest], said[digest], strict=True)]
        made[who] = {
            "losses_differ_by": round(
                float(np.max([abs(losses[each] - other[each]) for each in trained])), 5
            ),
            "answers_agree": round(sum(a == b for a, b in pairs) / len(pairs), 4),
        }
    return made


def disagreement(found: dict[str, Any], precision: str) -> str:
    """Who did not train the same, or does not answer alike; empty where all do."""
    return "; ".join(
        f"{who} differs from xadapt: {each}"
        for who, each in found["agreement"].items()
        # So written that NaN is far from everything.
        if not (each["losses_differ_by"] <= FAR[precision] and each["answers_agree"] >= AGREE)
    )


def facts(times: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    middle = {
        who: {clock: statistics.median(each[clock] for each in every) for clock in ("wall", "cpu")}
        for who, every in times.items()
    }
    return {
        who: {f"{clock}_seconds": round(value, 2) for clock, value in clocks.items()}
        | {
            f"xadapt_is_faster_by_{clock}": round(value / middle["xadapt"][clock], 2)
            for clock, value in clocks.items()
        }
        for who, clocks in middle.items()
    }


def main() -> None:
    made = parser(__doc__, rounds=1)
    made.add_argument("--steps", type=int, help="of each training")
    made.add_argument("--batch", type=int, default=16)
    made.add_argument("--test", type=int, help="sentences of each language")
    asked, device = asked_for(made, cpu="small")
    on_gpu = device.type == "cuda"
    asked.steps = 3 if asked.quick else asked.steps or (100 if on_gpu else 20)
    asked.test = 20 if asked.quick else asked.test or (300 if on_gpu else 60)
    found = measure(asked, device)
    print(json.dumps({asked.shape: found}, indent=2))
    wrong = disagreement(found, asked.precision)
    if asked.write:
        keep("matrix", asked.shape, found | {"rounds": asked.rounds, "agrees": not wrong}, device)
    if wrong:
        raise SystemExit(wrong)


if __name__ == "__main__":
    main()
