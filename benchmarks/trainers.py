"""How the libraries train: bare steps, and the trainers that people run.

A bare step is forward, backward, clip and fused AdamW: what a trainer adds around it is left out, in the
library's favour. `Trainer` and `AdapterTrainer` run as they are, on rows that are tokens already and with a
collator that only fills an array; setting up, and their first step, are not timed.
"""

import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import adapters
import numpy as np
import torch
import transformers
from contenders import Run, Training
from libraries import Flags, Library, Padding, padded
from measuring import now

from xadapt.task_types.items import Item


def library(model: Library, trainings: Sequence[Training], flags: Flags) -> Callable[[], Run]:
    """Steps of a library: the trainings one after another in each step, each with its own optimizer."""

    def run() -> Run:
        model.restart()
        states = []
        for each in trainings:
            own = model.activate(each)
            optimizer = torch.optim.AdamW(own, lr=each.recipe.lr, weight_decay=0.0, fused=True)
            states.append((each, own, optimizer, _batches(each, flags.padding)))
        found, start, losses = Run(), 0.0, []
        for step in range(trainings[0].schedule.steps):
            losses.append([_step(model, flags, *state, step) for state in states])
            start = start or now(model.device)
            if step:
                found.tokens += sum(each.tokens for *_, batches in states for each in batches[step])
        found.seconds = now(model.device) - start
        found.losses = [float(torch.stack(each).mean()) for each in losses]
        return found

    return run


def _step(
    model: Library, flags: Flags, training: Training, own: list[Any], optimizer: Any, batches: Any, step: int
) -> torch.Tensor:
    """The loss, which nothing waits for."""
    model.activate(training)
    optimizer.zero_grad(set_to_none=True)
    loss = model.loss(batches[step], training.recipe.max_length, flags)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(own, training.recipe.clip)
    for group in optimizer.param_groups:
        group["lr"] = training.schedule.lr(step)
    optimizer.step()
    return loss.detach()


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


class Watched:
    """Beside a trainer: the loss and the real tokens of each step.

    Rows come in the order of the training's batches, unless they are grouped by length.
    """

    losses: list[torch.Tensor]
    tokens: list[torch.Tensor]

    def compute_loss(self, model: Any, inputs: Any, *given: Any, **named: Any) -> Any:
        loss = super().compute_loss(model, inputs, *given, **named)  # type: ignore[misc]
        if model.training:
            self.losses.append(loss.detach())
            self.tokens.append(inputs["attention_mask"].sum())
        return loss

    def _get_train_sampler(self, *given: Any) -> Any:
        if self.args.group_by_length:  # type: ignore[attr-defined]
            return super()._get_train_sampler(*given)  # type: ignore[misc]
        return torch.utils.data.SequentialSampler(self.train_dataset)  # type: ignore[attr-defined]


class WatchedTrainer(Watched, transformers.Trainer):
    pass


class WatchedAdapterTrainer(Watched, adapters.AdapterTrainer):
    pass


class Ends(transformers.TrainerCallback):
    """Notes when the first and the last step ended."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.ended = device, []

    def on_step_end(self, args: Any, state: Any, control: Any, **named: Any) -> None:
        if state.global_step in (1, state.max_steps):
            self.ended.append(now(self.device))


def trainer(
    model: Library, trainings: Sequence[Training], flags: Flags, workers: int = 0
) -> Callable[[], Run]:
    """The library's trainer on one training after another."""

    def run() -> Run:
        model.restart()
        found = [_trained(model, each, flags, workers) for each in trainings]
        losses = [sum(each) / len(found) for each in zip(*(one.losses for one in found), strict=True)]
        return Run(losses, sum(one.tokens for one in found), sum(one.seconds for one in found))

    return run


def _trained(model: Library, training: Training, flags: Flags, workers: int) -> Run:
    with model.only(training), tempfile.TemporaryDirectory() as folder:
        ends = Ends(model.device)
        made = prepared(model, training, flags, folder, workers, ends)
        made.train()
    first, last = ends.ended
    return Run([float(loss) for loss in made.losses], sum(map(int, made.tokens[1:])), last - first)


def prepared(
    model: Library, training: Training, flags: Flags, folder: str, workers: int = 0, *watching: Any
) -> Any:
    """The library's trainer with the rows of a training in the order of its steps."""
    with_adapters = isinstance(model.bare, adapters.XLMRobertaAdapterModel)
    made = (WatchedAdapterTrainer if with_adapters else WatchedTrainer)(
        model=model.bare,
        args=_arguments(folder, training, flags, workers, model.device),
        train_dataset=[row(each) for step in range(training.schedule.steps) for each in training.batch(step)],
        data_collator=collator(training.recipe.max_length if flags.padding == "max" else None),
        callbacks=[*watching],
    )
    made.remove_callback(transformers.PrinterCallback)
    made.losses, made.tokens = [], []
    return made


def _arguments(folder: str, training: Training, flags: Flags, workers: int, device: torch.device) -> Any:
    """The optimizer and the learning rates are those of the recipe, which a trainer has too."""
    return transformers.TrainingArguments(
        output_dir=folder,
        per_device_train_batch_size=training.recipe.batch,
        per_device_eval_batch_size=64,
        max_steps=training.schedule.steps,
        learning_rate=training.recipe.lr,
        weight_decay=0.0,
        max_grad_norm=training.recipe.clip,
        lr_scheduler_type="linear",
        optim="adamw_torch_fused",
        bf16=flags.bf16,
        torch_compile=flags.compile,
        group_by_length=flags.padding == "grouped",
        dataloader_num_workers=workers,
        dataloader_pin_memory=device.type == "cuda",
        use_cpu=device.type == "cpu",
        save_strategy="no",
        logging_strategy="no",
        report_to=[],
        disable_tqdm=True,
    )


def row(item: Item) -> dict[str, Any]:
    return {"input_ids": item.sequences[0].ids, "labels": item.target}


def collator(to: int | None) -> Callable[[list[dict[str, Any]]], dict[str, torch.Tensor]]:
    """Rows padded to `to`, or to the longest of them."""

    def collate(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        ids, mask = padded([row["input_ids"] for row in rows], to, torch.device("cpu"))
        labels = torch.tensor([row["labels"] for row in rows])
        return {"input_ids": ids, "attention_mask": mask, "labels": labels}

    return collate
