"""Compositions of several jobs onto one encoder: jobs of one structure share a bank."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from xadapt.composition import Alone, Composition, Fuse
from xadapt.errors import ConfigError
from xadapt.modeling.banks import Bank, BottleneckBank, FusionBank, LoRABank, Spread
from xadapt.modeling.encoder import Packed, checksum
from xadapt.modeling.module import Fusion, Module, shapes
from xadapt.modeling.sites import Norm, Sites
from xadapt.recipe import Bottleneck


@dataclass(frozen=True)
class Slot:
    """One job: frozen modules below (the leaves of `composition`), and what trains on top.

    `own` is the job's module (for `continue` it starts as a copy and nothing is below); `fusion` mixes
    the leaves of `fuse`. With neither, the composition is read as it is.
    """

    composition: Composition = field(default_factory=Alone)
    own: Module | None = None
    fusion: Fusion | None = None

    @property
    def below(self) -> tuple[Module, ...]:
        return () if isinstance(self.composition, Fuse) else self.composition.parts

    @property
    def structure(self) -> Hashable:
        """Jobs with an equal structure share a bank."""
        if self.fusion is not None:
            return ("fuse", tuple(_shape(part) for part in self.fusion.parts))
        return (tuple(_shape(part) for part in self.below), _shape(self.own) if self.own else None)


def _shape(module: Module) -> Hashable:
    return module.method, tuple(sorted((name, tuple(w.shape)) for name, w in module.weights.items()))


@dataclass(frozen=True)
class Stacked:
    """A trainable parameter [rows, ...] and the job that each row belongs to."""

    name: str
    parameter: nn.Parameter
    jobs: tuple[int, ...]


class Group(nn.Module):
    """Jobs of one structure: a chain of banks, bottom first, or one fusion."""

    def __init__(self, slots: Sequence[Slot], jobs: Sequence[int]) -> None:
        super().__init__()
        self.jobs = tuple(jobs)
        first = slots[0]
        self.chain = nn.ModuleList()
        if first.fusion is not None:
            if len({_shape(part) for part in first.fusion.parts}) > 1:
                raise ConfigError("fuse needs modules of one method and size")
            self.chain.append(FusionBank([slot.fusion for slot in slots if slot.fusion]))
            return
        for depth in range(len(first.below)):
            self.chain.append(_bank([slot.below[depth] for slot in slots], trainable=False))
        if first.own is not None:
            self.chain.append(_bank([slot.own for slot in slots if slot.own], trainable=True))

    @property
    def own(self) -> Bank | None:
        """The bank that trains."""
        last = self.chain[-1] if len(self.chain) else None
        return last if isinstance(last, Bank) and last.trainable else None


def _bank(modules: Sequence[Module], trainable: bool) -> Bank:
    kind = BottleneckBank if isinstance(modules[0].method, Bottleneck) else LoRABank
    return kind(modules, trainable)


class Assembled(nn.Module):
    """The modules of all jobs of a loop, ready for any batch of them."""

    def __init__(self, slots: Sequence[Slot], config: Any) -> None:
        super().__init__()
        self.slots = tuple(slots)
        members: dict[Hashable, list[int]] = {}
        for job, slot in enumerate(slots):
            _check(slot, config)
            members.setdefault(slot.structure, []).append(job)
        self.groups = nn.ModuleList(Group([slots[j] for j in jobs], jobs) for jobs in members.values())

    def sites(self, packed: Packed, jobs: Sequence[int], streams: Sequence[Any] | None = None) -> Sites:
        """The modules for one forward over `packed`, whose groups belong to `jobs` in that order.

        `streams` are the jobs' dropout streams while training; None applies no dropout. Raises ValueError
        where groups, jobs and streams do not count the same, and for a job that is not there or comes twice.
        """
        if len(packed.tokens) != len(jobs):
            raise ValueError(f"{len(jobs)} jobs for a batch of {len(packed.tokens)} groups")
        if streams is not None and len(streams) != len(jobs):
            raise ValueError(f"{len(streams)} dropout streams for {len(jobs)} jobs")
        if len(set(jobs)) < len(jobs) or not set(jobs) <= set(range(len(self.slots))):
            raise ValueError(f"jobs {list(jobs)}; there are {len(self.slots)}, each at most once, from 0")
        return _Forward(self, packed.tokens, jobs, streams)

    def stacked(self) -> list[Stacked]:
        """Everything that trains."""
        found = []
        for number, group in enumerate(self.groups):
            assert isinstance(group, Group)
            if group.own is not None:
                for name, parameter in group.own.named_parameters():
                    found.append(Stacked(f"module.{number}.{name}", parameter, group.jobs))
        return found

    def trained(self, job: int) -> Module | Fusion:
        """The weights that one job trained, copied."""
        slot = self.slots[job]
        for group in self.groups:
            if isinstance(group, Group) and job in group.jobs and group.own is not None:
                weights = group.own.row(group.jobs.index(job))
                if slot.fusion is not None:
                    return Fusion(weights, slot.fusion.parts)
                if slot.own is not None:
                    return Module(slot.own.method, weights)
        raise ConfigError(f"job {job} trains no module")

    def fingerprint(self) -> tuple[int, ...]:
        """An exact checksum of the frozen modules."""
        return checksum(self.buffers())


def _check(slot: Slot, config: Any) -> None:
    modules = [*slot.below, *(slot.fusion.parts if slot.fusion else ()), *([slot.own] if slot.own else ())]
    for module in modules:
        layers = next(iter(module.weights.values())).shape[0]
        if layers != config.num_hidden_layers:
            raise ConfigError(f"a module for {layers} layers on an encoder of {config.num_hidden_layers}")
        found = {name: tuple(weight.shape[1:]) for name, weight in module.weights.items()}
        for name, needed in shapes(module.method, config).items():
            if found.get(name) != needed:
                raise ConfigError(f"module weight {name!r} is {found.get(name)}, the encoder needs {needed}")


class _Forward:
    """One forward: tokens are split among the groups, and joined again in job order."""

    def __init__(
        self,
        assembled: Assembled,
        tokens: tuple[int, ...],
        jobs: Sequence[int],
        streams: Sequence[Any] | None,
    ) -> None:
        self.tokens = tokens
        self.streams = streams
        self.parts = []
        targets: set[str] = set()
        for group in assembled.groups:
            assert isinstance(group, Group)
            places = [place for place, job in enumerate(jobs) if job in group.jobs]
            if not places or not len(group.chain):
                continue
            rows = tuple(group.jobs.index(jobs[place]) for place in places)
            spread = Spread(rows, tuple(tokens[place] for place in places))
            for bank in group.chain:
                layers = bank.fold(rows) if isinstance(bank, FusionBank) else bank.layers(rows)  # type: ignore[operator]
                self.parts.append((bank, layers, spread, places))
                targets |= getattr(bank, "targets", frozenset())
        self.targets = frozenset(targets)

    def project(self, layer: int, name: str, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        for bank, layers, spread, places in self.parts:
            if isinstance(bank, LoRABank) and name in bank.targets:
                streams = None if self.streams is None else [self.streams[place] for place in places]
                delta = bank.update(name, layers[layer], spread, self._take(x, places), streams)
                y = self._add(y, delta, places, spread)
        return y

    def after(self, layer: int, hidden: torch.Tensor, residual: torch.Tensor, norm: Norm) -> torch.Tensor:
        for bank, layers, spread, places in self.parts:
            if isinstance(bank, BottleneckBank | FusionBank):
                own, below = self._take(hidden, places), self._take(residual, places)
                hidden = self._put(
                    hidden, bank.apply_to(layers[layer], spread, own, below, norm), places, spread
                )
        return hidden

    def _take(self, x: torch.Tensor, places: list[int]) -> torch.Tensor:
        if len(places) == len(self.tokens):
            return x
        parts = x.split(list(self.tokens))
        return torch.cat([parts[place] for place in places])

    def _put(self, x: torch.Tensor, new: torch.Tensor, places: list[int], spread: Spread) -> torch.Tensor:
        if len(places) == len(self.tokens):
            return new
        parts = list(x.split(list(self.tokens)))
        for place, part in zip(places, new.split(list(spread.tokens)), strict=True):
            parts[place] = part
        return torch.cat(parts)

    def _add(self, y: torch.Tensor, delta: torch.Tensor, places: list[int], spread: Spread) -> torch.Tensor:
        # In the precision of the frozen projection, so that query, key and value stay alike.
        return self._put(y, self._take(y, places) + delta.to(y.dtype), places, spread)
