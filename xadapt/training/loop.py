"""The one training loop: K tasks side by side on one encoder; one task alone is K = 1.

Each task has its own examples, loss, clip, learning rate, number of steps and random streams, so it
ends where it would have ended alone. State is written between steps, never within one. A GPU has its next
step before it is done with the last one: nothing in a step waits for it, see `readings` and `feed`.
"""

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from accelerate import Accelerator

from xadapt.modeling.assemble import Assembled
from xadapt.modeling.encoder import Encoder
from xadapt.task_types.flat import sizes
from xadapt.task_types.items import Batch, pack
from xadapt.training.checkpoint import Checkpoint
from xadapt.training.feed import Fed, Feed
from xadapt.training.guards import check_gradients, check_in_forward, check_trainable
from xadapt.training.job import Job
from xadapt.training.losses import losses
from xadapt.training.memory import Memory
from xadapt.training.optimizer import Entry, StackedAdamW
from xadapt.training.passes import Pass, spread
from xadapt.training.precision import check_trained
from xadapt.training.readings import LOG_EVERY, Readings
from xadapt.training.selection import Measures, Selection
from xadapt.training.streams import Masks, Stream, side_by_side


@dataclass
class Loop:
    """What a run of the loop needs; `entries` are all trained parameters, those of heads included."""

    encoder: Encoder
    assembled: Assembled
    jobs: Sequence[Job]
    entries: Sequence[Entry]
    placed: Accelerator
    checkpoint: Checkpoint
    progress: Callable[..., None]
    measures: Measures = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)

    def __post_init__(self) -> None:
        self.optimizer = StackedAdamW(self.entries, len(self.jobs))
        self.selection = Selection(self.entries, self.jobs, self.measures)
        self.feed = Feed(self._batches, self.placed.device)
        self.readings = Readings(self.jobs)
        self.tokens = 0

    @property
    def steps(self) -> int:
        return max(job.schedule.steps for job in self.jobs)

    def state(self) -> dict[str, torch.Tensor]:
        """Every tensor that a step changes, by name."""
        tensors = {"memory": self.memory.forced}
        for entry in self.entries:
            tensors[entry.name] = entry.parameter.detach()
            tensors[f"{entry.name}.mean"] = entry.mean
            tensors[f"{entry.name}.square"] = entry.square
        return tensors | self.selection.state()

    def curves(self) -> list[Any]:
        return [[job.curve, job.recent, job.dev] for job in self.jobs]

    def run(self) -> int:
        """Train to the end; return the step at which it resumed. Raises TrainingFailed, KeyboardInterrupt."""
        check_trained({entry.name: entry.parameter for entry in self.entries})
        check_trainable(self.entries, self.jobs)
        for number, job in enumerate(self.jobs):
            items, tokens = job.parts[0].items, sizes(job.parts[0].items)
            shortest = items[tokens.index(min(tokens))]
            check_in_forward(self.encoder, self.assembled, number, job, shortest, self.placed)
        first = self._resume()
        saved = time.monotonic()
        with interrupts() as stop:
            for step in range(first, self.steps):
                self._step(step)
                if any(step + 1 in points for points in self.selection.points):
                    self.readings.read()
                    self.selection.after(step + 1)
                if stop.is_set() or time.monotonic() - saved > self.checkpoint.seconds:
                    self.readings.read()
                    self._save(step + 1)
                    saved = time.monotonic()
                if stop.is_set():
                    raise KeyboardInterrupt
        self.selection.finish()
        return first

    def _save(self, done: int) -> None:
        self.checkpoint.save(done, self.curves(), self.state(), self.memory.notes())

    def _resume(self) -> int:
        found = self.checkpoint.load(self.state())
        if found is None:
            return 0
        for job, state in zip(self.jobs, found[1], strict=True):
            curve, job.recent, dev = state
            job.curve = [(step, loss) for step, loss in curve]
            job.dev = [(step, score) for step, score in dev]
        self.memory.resume(found[2])
        return found[0]

    def _step(self, step: int) -> None:
        fed = self.feed.take(step)
        found = self.memory.fitted(step, fed.cut, partial(self._gradients, step, fed))
        self.tokens += fed.tokens
        turns = {number: self.jobs[number].turn(step) for number in fed.batches}
        if any(turn.step == 0 for turn in turns.values()):
            check_gradients(self.entries, turns, self.jobs)
        recipes = [job.schedule.recipe for job in self.jobs]
        given = (
            [job.schedule.lr(step) if number in turns else 0.0 for number, job in enumerate(self.jobs)],
            [recipe.clip for recipe in recipes],
            [recipe.weight_decay for recipe in recipes],
        )
        norms = self.memory.whole(step, partial(self.optimizer.step, step + 1, turns, *given))
        self.readings.note(step, found, norms)
        if step + 1 < self.steps:
            self.feed.prepare(step + 1, self.memory.limit)
        if math.isnan(self.readings.last) or (step + 1) % LOG_EVERY == 0 or step + 1 == self.steps:
            self.readings.read()
        self.progress(step=step + 1, steps=self.steps, tokens=self.tokens, loss=self.readings.last)

    def _batches(self, step: int) -> dict[int, Batch]:
        """Of the jobs that are not over."""
        return {n: job.batch(step) for n, job in enumerate(self.jobs) if step < job.schedule.steps}

    def _gradients(self, step: int, fed: Fed, cut: list[Pass]) -> dict[int, torch.Tensor]:
        """Set the gradients of a step, pass by pass; returns the losses by job. `cut` is on the CPU."""
        cut = fed.placed(cut)
        self.optimizer.clear()
        if len(cut) == 1 and all(one.whole for one in cut[0].values()):
            found = self._losses(step, {job: one.batch for job, one in cut[0].items()})
            torch.stack(list(found.values())).sum().backward()
            return {job: loss.detach() for job, loss in found.items()}
        masks = {job: Masks(self.jobs[job].stream(step, self.placed.device)) for job in fed.batches}
        whole = {
            job: self._whole(step, job, fed.batches[job], cut, masks[job])
            for job in spread(cut)
            if self._one(step, job)
        }
        found = {job: loss for job, (loss, _) in whole.items()}
        back = {job: gradient for job, (_, gradient) in whole.items()}
        begun: set[int] = set()
        for each in cut:
            for job, loss in self._pass(step, each, back, masks, each.keys() - begun).items():
                found[job] = found[job] + loss if job in found else loss
            begun |= each.keys()
        return {job: found[job] for job in fed.batches}

    def _losses(self, step: int, batches: dict[int, Batch]) -> dict[int, torch.Tensor]:
        """One forward over the tokens of all active tasks, then each task's own head and loss."""
        streams = [self.jobs[number].stream(step, self.placed.device) for number in batches]
        with self.placed.autocast():
            parts = self._hidden(batches, streams)
            answered = {
                number: self.jobs[number].answered(step, part, batch, stream)
                for (number, batch), part, stream in zip(batches.items(), parts, streams, strict=True)
            }
            return self.assembled.regularized(losses(answered))

    def _hidden(
        self, batches: dict[int, Batch], streams: Sequence[Stream], cut: bool = False
    ) -> Sequence[torch.Tensor]:
        """Of each job [tokens, width]; `cut` says that it is one of several passes."""
        packed = pack(list(batches.values()))
        dropout = side_by_side(streams, packed.tokens)
        sites = self.assembled.sites(packed, list(batches), streams, cut=cut)
        through = self.memory.through(streams)
        hidden = self.encoder(packed, sites, dropout=dropout, through=through)
        parts: Sequence[torch.Tensor] = hidden.split(list(packed.tokens))
        return parts

    def _pass(
        self,
        step: int,
        cut: Pass,
        whole: dict[int, torch.Tensor],
        masks: dict[int, Masks],
        begins: AbstractSet[int],
    ) -> dict[int, torch.Tensor]:
        """Add the gradients of a pass, and for jobs in `begins` what is asked of weights, once a step.

        Returns what it adds to the losses. `whole` has the gradients of `_whole`.
        """
        streams = [one.stream(masks[job]) for job, one in cut.items()]
        answered, back = {}, []
        with self.placed.autocast():
            parts = self._hidden({job: one.batch for job, one in cut.items()}, streams, cut=True)
            for (job, one), hidden, stream in zip(cut.items(), parts, streams, strict=True):
                if job in whole:
                    back.append((hidden * whole[job][one.start : one.start + len(hidden)]).sum())
                else:
                    answered[job] = self.jobs[job].answered(step, hidden, one.batch, stream)
            found = {job: loss * cut[job].part for job, loss in losses(answered).items()}
        found |= {job: parts[0].new_zeros(()) for job in cut if job in whole}
        found |= self.assembled.regularized({job: loss for job, loss in found.items() if job in begins})
        torch.stack([*found.values(), *back]).sum().backward()
        return {job: loss.detach() for job, loss in found.items()}

    def _one(self, step: int, job: int) -> bool:
        """Whether the examples of a step are each other's negatives."""
        parts = self.jobs[job].parts
        return getattr(parts[self.jobs[job].turn(step).part].type, "ONE_BATCH", False)

    def _whole(
        self, step: int, job: int, batch: Batch, cut: list[Pass], masks: Masks
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The loss of a whole batch that is in several passes, and its gradient for the hidden states.

        The gradients of the head are set.
        """
        hidden: list[torch.Tensor] = []
        for one in (each[job] for each in cut if job in each):
            with torch.no_grad(), self.placed.autocast():
                hidden += self._hidden({job: one.batch}, [one.stream(masks)])
        states = torch.cat(hidden).requires_grad_()
        with self.placed.autocast():
            whole = self.jobs[job].answered(step, states, batch.to(self.placed.device), masks.stream)
            (loss,) = losses({job: whole}).values()
        loss.backward()
        assert states.grad is not None
        return loss.detach(), states.grad


@contextmanager
def interrupts() -> Iterator[threading.Event]:
    """An event that Ctrl-C or SIGTERM sets, so that the step at hand is finished and the state saved."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, lambda *_: stop.set())
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
