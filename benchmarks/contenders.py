"""What is compared: the loop of xadapt, and steps as the trainers of the libraries take them.

All train the same classification on the same examples from the same weights, with AdamW, a clip of 1 and
the same learning rates, and report the loss of every step. A library step is forward, backward, clip and
fused AdamW: what a trainer adds around it is left out, in its favour.
"""

import copy
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import adapters
import adapters.composition
import numpy as np
import peft
import torch
import transformers
from measuring import now
from workload import LABELS

from xadapt.composition import Fuse
from xadapt.modeling import formats, head_format
from xadapt.modeling.assemble import Assembled, Slot
from xadapt.modeling.combined import Fusion
from xadapt.modeling.encoder import Encoder
from xadapt.modeling.heads import SentenceHead
from xadapt.modeling.module import Module
from xadapt.recipe import Full, LoRA, Recipe
from xadapt.task_types import task_type
from xadapt.task_types.items import Item
from xadapt.training.batches import Schedule
from xadapt.training.checkpoint import Checkpoint
from xadapt.training.full import weights
from xadapt.training.job import Job, Part, entries
from xadapt.training.loop import Loop
from xadapt.training.precision import accelerator, frozen_dtype

Padding = Literal["max", "dynamic", "grouped"]
PAD = 1


@dataclass(frozen=True)
class Training:
    """One task: its examples and how it is trained; `module` is where a run starts."""

    name: str
    items: Sequence[Item]
    recipe: Recipe
    module: Module | Fusion | None
    head: SentenceHead

    @classmethod
    def of(cls, name: str, items: Sequence[Item], recipe: Recipe, config: Any, seed: int) -> "Training":
        full = isinstance(recipe.method, Full)
        module = None if full else Module.initial(recipe.method, config, seed)
        return cls(name, items, recipe, module, SentenceHead.initial(config, len(LABELS), seed))

    @property
    def slot(self) -> Slot:
        if isinstance(self.module, Fusion):
            return Slot(Fuse(self.module.parts), combined=self.module)
        return Slot(own=self.module)

    @property
    def schedule(self) -> Schedule:
        return Schedule(self.name, len(self.items), self.recipe, 1)

    def batch(self, step: int) -> list[Item]:
        return [self.items[index] for index in self.schedule.indices(step)]


@dataclass
class Run:
    """The losses of all steps, the mean over the tasks; tokens and seconds of all but the first step."""

    losses: list[float] = field(default_factory=list)
    tokens: int = 0
    seconds: float = 0.0


def ours(
    encoder: Encoder, trainings: Sequence[Training], device: torch.device, precision: str
) -> Callable[[], Run]:
    """The loop of xadapt over all `trainings` side by side, on an encoder that is placed already.

    Full training takes an encoder that is made anew, since a run changes it.
    """
    placed = accelerator(device.type, precision)

    def run() -> Run:
        own = encoder
        if trainings[0].module is None:
            own = Encoder.from_hf(encoder.to_hf())
            own.place(device, torch.float32)
        assembled = Assembled([each.slot for each in trainings], own.config).to(device)
        jobs = [_job(each, device) for each in trainings]
        found = Run()
        times: list[tuple[float, int]] = []

        def progress(**facts: Any) -> None:
            found.losses.append(facts["loss"])
            times.append((now(device), facts["tokens"]))

        with tempfile.TemporaryDirectory() as folder:
            kept = Checkpoint(Path(folder), [each.name for each in trainings], 1e9)
            trained = [*weights(own), *entries(assembled, jobs)]
            Loop(own, assembled, jobs, trained, placed, kept, progress).run()
        (first, before), (last, after) = times[0], times[-1]
        found.seconds, found.tokens = last - first, after - before
        return found

    return run


def _job(training: Training, device: torch.device) -> Job:
    head = copy.deepcopy(training.head).to(device)
    part = Part(task_type("classification"), training.items, head, training.schedule, LABELS)
    return Job(training.name, [part], training.schedule)


def placed_encoder(encoder: Encoder, device: torch.device, precision: str) -> Encoder:
    """A frozen copy, in the precision that the engine would give it."""
    made = Encoder.from_hf(encoder.to_hf())
    made.config = encoder.config
    made.place(device, frozen_dtype(accelerator(device.type, precision)))
    made.freeze()
    return made


@dataclass(frozen=True)
class Flags:
    """How a library is run."""

    padding: Padding = "dynamic"
    bf16: bool = False
    compile: bool = False

    def autocast(self, device: torch.device) -> AbstractContextManager[Any]:
        return torch.autocast(device.type, torch.bfloat16) if self.bf16 else nullcontext()


class Library:
    """A transformers model under a library; `activate` chooses what a training trains."""

    def __init__(self, model: Any, device: torch.device) -> None:
        self.bare = model.to(device).train()
        self.compiled = torch.compile(self.bare)
        self.device = device
        self.start = {name: w.detach().clone() for name, w in self.bare.named_parameters() if w.requires_grad}

    def activate(self, training: Training) -> list[Any]:
        """Make the next steps those of a training; return what it trains."""
        return [weight for weight in self.bare.parameters() if weight.requires_grad]

    def loss(self, items: Sequence[Item], longest: int, flags: Flags) -> torch.Tensor:
        ids, mask = padded(items, longest if flags.padding == "max" else None, self.device)
        labels = torch.tensor([each.target for each in items]).to(self.device, non_blocking=True)
        model = self.compiled if flags.compile else self.bare
        with flags.autocast(self.device):
            found: torch.Tensor = model(input_ids=ids, attention_mask=mask, labels=labels).loss
        return found

    @torch.no_grad()
    def restart(self) -> None:
        for name, weight in self.bare.named_parameters():
            if name in self.start:
                weight.copy_(self.start[name])


def padded(items: Sequence[Item], to: int | None, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    rows = [each.sequences[0].ids for each in items]
    width = to or max(map(len, rows))
    ids = np.full((len(rows), width), PAD, dtype=np.int64)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = row
    made = torch.from_numpy(ids).to(device, non_blocking=True)
    return made, (made != PAD).long()


class AdapterLibrary(Library):
    """`adapters`: the modules and heads of all trainings in one model."""

    def __init__(self, encoder: Encoder, trainings: Sequence[Training], device: torch.device) -> None:
        model = adapters.XLMRobertaAdapterModel(encoder.config)
        model.roberta.load_state_dict(encoder.to_hf().state_dict(), strict=False)
        for each in trainings:
            assert isinstance(each.module, Module), "fusions and full training have models of their own"
            about = _about(each.name)
            with tempfile.TemporaryDirectory() as folder:
                formats.save_module(Path(folder), each.module, about, encoder.config)
                head_format.save_head(Path(folder), each.head, "classification", about, encoder.config)
                model.load_adapter(folder, use_safetensors=True)
        model.train_adapter([each.name for each in trainings])
        super().__init__(model, device)
        self.active = ""

    def activate(self, training: Training) -> list[Any]:
        if self.active != training.name:
            self.bare.set_active_adapters(training.name)
            self.bare.active_head = self.active = training.name
        own = (f".{training.name}.", f"heads.{training.name}.")
        return [
            w for name, w in self.bare.named_parameters() if w.requires_grad and any(o in name for o in own)
        ]


class FusionLibrary(Library):
    """`adapters`: the fusion of one training over its frozen parts."""

    def __init__(self, encoder: Encoder, training: Training, device: torch.device) -> None:
        model = adapters.XLMRobertaAdapterModel(encoder.config)
        model.roberta.load_state_dict(encoder.to_hf().state_dict(), strict=False)
        assert isinstance(training.module, Fusion)
        names = [f"part{number}" for number in range(len(training.module.parts))]
        with tempfile.TemporaryDirectory() as found:
            folder, config = Path(found), encoder.config
            for name, part in zip(names, training.module.parts, strict=True):
                formats.save_module(folder / name, part, _about(name), config)
                model.load_adapter(str(folder / name), use_safetensors=True)
            formats.save_combined(folder / "fusion", training.module, names, _about("fusion"), config)
            model.load_adapter_fusion(str(folder / "fusion"), use_safetensors=True)
            head_format.save_head(folder / "head", training.head, "classification", _about("head"), config)
            model.load_head(str(folder / "head"), use_safetensors=True)
        model.train_adapter_fusion(adapters.composition.Fuse(*names))
        model.active_head = "head"
        super().__init__(model, device)


def _about(name: str) -> formats.About:
    return formats.About(name, "random", LABELS, "first")


def full_model(encoder: Encoder, head: SentenceHead) -> Any:
    """XLM-R for classification, as transformers has it."""
    config = copy.deepcopy(encoder.config)
    config.num_labels = len(LABELS)
    model = transformers.XLMRobertaForSequenceClassification(config)
    model.roberta.load_state_dict(encoder.to_hf().state_dict())
    model.classifier.dense.load_state_dict(head.dense.state_dict())
    model.classifier.out_proj.load_state_dict(head.out.state_dict())
    return model


def peft_model(encoder: Encoder, training: Training) -> Any:
    """The same under LoRA of `peft`, from the weights of the training's module."""
    module = training.module
    assert module is not None and isinstance(module.method, LoRA)
    method = module.method
    settings = peft.LoraConfig(
        task_type="SEQ_CLS", r=method.rank, lora_alpha=method.alpha, target_modules=list(method.targets)
    )
    model = peft.get_peft_model(full_model(encoder, training.head), settings)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_" in name:
                words = name.split(".")
                site, kind = words[words.index("self") + 1], name.split("lora_")[1][0]
                weight.copy_(module.weights[f"{site}.{kind}"][int(words[words.index("layer") + 1])])
    return model


def library(model: Library, trainings: Sequence[Training], flags: Flags) -> Callable[[], Run]:
    """Steps of a library: the trainings one after another in each step, each with its own optimizer."""

    def run() -> Run:
        model.restart()
        states = []
        for each in trainings:
            own = model.activate(each)
            optimizer = torch.optim.AdamW(own, lr=each.recipe.lr, weight_decay=0.0, fused=True)
            states.append((each, own, optimizer, _batches(each, flags.padding)))
        found, start = Run(), 0.0
        for step in range(trainings[0].schedule.steps):
            losses = [_step(model, flags, *state, step) for state in states]
            found.losses.append(sum(losses) / len(losses))
            start = start or now(model.device)
            if step:
                found.tokens += sum(each.tokens for *_, batches in states for each in batches[step])
        found.seconds = now(model.device) - start
        return found

    return run


def _step(
    model: Library, flags: Flags, training: Training, own: list[Any], optimizer: Any, batches: Any, step: int
) -> float:
    model.activate(training)
    optimizer.zero_grad(set_to_none=True)
    loss = model.loss(batches[step], training.recipe.max_length, flags)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(own, training.recipe.clip)
    for group in optimizer.param_groups:
        group["lr"] = training.schedule.lr(step)
    optimizer.step()
    return float(loss.detach())


def _batches(training: Training, padding: Padding) -> list[list[Item]]:
    """Those of every step; grouped by length they hold the same examples in another order."""
    batches = [training.batch(step) for step in range(training.schedule.steps)]
    if padding != "grouped":
        return batches
    ordered = sorted((each for batch in batches for each in batch), key=lambda each: -each.tokens)
    size = training.recipe.batch
    made = [ordered[at : at + size] for at in range(0, len(ordered), size)]
    random = np.random.default_rng(0)
    return [made[number] for number in random.permutation(len(made))]


def with_method(training: Training, method: Any, config: Any) -> Training:
    """The same training by another method."""
    changed = replace(training.recipe, method=method)
    return Training.of(training.name, training.items, changed, config, 1)
