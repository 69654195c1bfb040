"""Compositions of several jobs onto one encoder: jobs of one structure share a bank."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import nn

from xadapt.errors import ConfigError
from xadapt.modeling import combined
from xadapt.modeling.banks import Bank, BottleneckBank, DoRABank, LoRABank, Spread
from xadapt.modeling.combined import Combined
from xadapt.modeling.combined_bottleneck import BottleneckCombination, FusionBank, GateBank
from xadapt.modeling.combined_lora import LoRACombination, LoRAFusionBank, LoRAGateBank
from xadapt.modeling.encoder import Packed, checksum
from xadapt.modeling.invertible import InvertibleBank
from xadapt.modeling.module import Module
from xadapt.modeling.sites import Frozen, Norm, Place, Sites
from xadapt.modeling.slot import Slot, check, is_dora
from xadapt.recipe import Bottleneck

__all__ = ["Assembled", "Slot", "Stacked", "Watch"]

Watch = Callable[[int, str, torch.Tensor], None]
"""Takes layer, site and the weights [T, parts] with which a combination took its parts there.

The site is a projection for LoRA, `after` for bottlenecks, for double ones `attention` and `output`.
"""


@dataclass(frozen=True)
class Stacked:
    """A trainable parameter [rows, ...] and the job that each row belongs to."""

    name: str
    parameter: nn.Parameter
    jobs: tuple[int, ...]
    whole: bool = False
    """It has no leading axis: one job owns it."""


class Group(nn.Module):
    """Jobs of one structure: a chain of banks, bottom first, or one combination."""

    def __init__(self, slots: Sequence[Slot], jobs: Sequence[int]) -> None:
        super().__init__()
        self.jobs = tuple(jobs)
        first = slots[0]
        self.chain = nn.ModuleList()
        for depth in range(len(first.below)):
            self.chain.append(_bank([slot.below[depth] for slot in slots], trainable=False))
        if first.combined is not None:
            self.chain.append(_combination([slot.combined for slot in slots if slot.combined]))
        elif first.own is not None:
            self.chain.append(_bank([slot.own for slot in slots if slot.own], trainable=True))
        self.invertible = _invertible(slots)

    @property
    def own(self) -> Bank | None:
        """The bank that trains."""
        last = self.chain[-1] if len(self.chain) else None
        return last if isinstance(last, Bank) and last.trainable else None

    def trainable(self) -> Iterator[tuple[str, nn.Parameter]]:
        """What trains of the jobs, by name."""
        if self.own is not None:
            yield from self.own.named_parameters()
        if self.invertible is not None:
            yield from self.invertible.named_parameters("invertible")


def _bank(modules: Sequence[Module], trainable: bool) -> Bank:
    method = modules[0].method
    if isinstance(method, Bottleneck):
        return BottleneckBank(modules, trainable)
    return DoRABank(modules, trainable) if is_dora(modules[0]) else LoRABank(modules, trainable)


def _invertible(slots: Sequence[Slot]) -> InvertibleBank | None:
    """That of the language adapters below, or of those that train."""
    modules = [found for slot in slots if (found := slot.language or slot.own) and found.invertible]
    return InvertibleBank(modules, trainable=slots[0].language is None) if modules else None


def _combination(values: Sequence[Any]) -> Bank:
    """One bank for combinations of one structure."""
    low_rank = not isinstance(values[0].parts[0].method, Bottleneck)
    if isinstance(values[0], combined.Gate):
        return LoRAGateBank(values) if low_rank else GateBank(values)
    return LoRAFusionBank(values) if low_rank else FusionBank(values)


class Assembled(nn.Module):
    """The modules of all jobs of a loop, ready for any batch of them."""

    def __init__(self, slots: Sequence[Slot], config: Any) -> None:
        super().__init__()
        self.slots = tuple(slots)
        members: dict[Hashable, list[int]] = {}
        for job, slot in enumerate(slots):
            check(slot, config)
            members.setdefault(slot.structure, []).append(job)
        self.groups = nn.ModuleList(Group([slots[j] for j in jobs], jobs) for jobs in members.values())

    def sites(
        self,
        packed: Packed,
        jobs: Sequence[int],
        streams: Sequence[Any] | None = None,
        watch: Watch | None = None,
        cut: bool = False,
    ) -> Sites:
        """The modules for one forward over `packed`, whose groups belong to `jobs` in that order.

        `streams` are the jobs' dropout streams while training; None applies no dropout. `watch` sees the
        weights of every combination. `cut` says that this is one of several passes of a step. Raises
        ValueError where groups, jobs and streams do not count the same, and for a job that is not there or
        comes twice.
        """
        if len(packed.tokens) != len(jobs):
            raise ValueError(f"{len(jobs)} jobs for a batch of {len(packed.tokens)} groups")
        if streams is not None and len(streams) != len(jobs):
            raise ValueError(f"{len(streams)} dropout streams for {len(jobs)} jobs")
        if len(set(jobs)) < len(jobs) or not set(jobs) <= set(range(len(self.slots))):
            raise ValueError(f"jobs {list(jobs)}; there are {len(self.slots)}, each at most once, from 0")
        return _Forward(self, packed.tokens, jobs, streams, watch, cut)

    def stacked(self) -> list[Stacked]:
        """Everything that trains."""
        found = []
        for number, group in enumerate(self.groups):
            assert isinstance(group, Group)
            for name, parameter in group.trainable():
                found.append(Stacked(f"module.{number}.{name}", parameter, group.jobs))
        return found

    def regularized(self, losses: dict[int, torch.Tensor]) -> dict[int, torch.Tensor]:
        """The losses by job, with what a fusion asks of its values."""
        found = dict(losses)
        for group in self.groups:
            assert isinstance(group, Group)
            bank = group.own
            if not isinstance(bank, FusionBank) or not bank.settings.regularization:
                continue
            # As large as all values together, so not where no job of this pass asks for it.
            if losses.keys() & set(group.jobs):
                for job, penalty in zip(group.jobs, bank.penalty(), strict=True):
                    if job in losses:
                        found[job] = losses[job] + penalty
        return found

    def trained(self, job: int) -> Module | Combined:
        """The weights that one job trained, copied."""
        slot = self.slots[job]
        for group in self.groups:
            if isinstance(group, Group) and job in group.jobs and group.own is not None:
                weights = group.own.row(group.jobs.index(job))
                if isinstance(slot.combined, combined.Fusion):
                    return replace(slot.combined, weights=weights).folded()
                if slot.combined is not None:
                    return combined.Gate(weights, slot.combined.parts)
                if slot.own is not None:
                    bank = group.invertible
                    own = bank.row(group.jobs.index(job)) if bank is not None and bank.trainable else {}
                    return Module(slot.own.method, weights, own)
        raise ConfigError(f"job {job} trains no module")

    def inverse(self, job: int) -> Callable[[torch.Tensor], torch.Tensor] | None:
        """What undoes the invertible adapter of a job, [T, d] -> [T, d]; None where it has none."""
        for group in self.groups:
            assert isinstance(group, Group)
            if job in group.jobs and group.invertible is not None:
                bank, row = group.invertible, group.jobs.index(job)
                return lambda x: bank.inverse(Spread((row,), (len(x),)), x)
        return None

    def fingerprint(self) -> tuple[int, ...]:
        """An exact checksum of the frozen modules."""
        return checksum(self.buffers())


class _Forward:
    """One forward: tokens are split among the groups, and joined again in job order."""

    def __init__(
        self,
        assembled: Assembled,
        tokens: tuple[int, ...],
        jobs: Sequence[int],
        streams: Sequence[Any] | None,
        watch: Watch | None,
        cut: bool,
    ) -> None:
        self.tokens = tokens
        self.streams = streams
        self.watch = watch or _unwatched
        self.parts = []
        self.invertible = []
        targets: set[str] = set()
        for group in assembled.groups:
            assert isinstance(group, Group)
            places = [place for place, job in enumerate(jobs) if job in group.jobs]
            if not places or not len(group.chain):
                continue
            rows = tuple(group.jobs.index(jobs[place]) for place in places)
            spread = Spread(rows, tuple(tokens[place] for place in places))
            if group.invertible is not None:
                self.invertible.append((group.invertible, spread, places))
            for bank in group.chain:
                combines = isinstance(bank, BottleneckCombination | LoRACombination)
                layers = bank.folded(spread, cut) if combines else bank.layers(rows)  # type: ignore[operator]
                self.parts.append((bank, layers, spread, places))
                targets |= getattr(bank, "targets", frozenset())
        self.targets = frozenset(targets)

    def embedded(self, x: torch.Tensor) -> torch.Tensor:
        for bank, spread, places in self.invertible:
            x = self._put(x, bank(spread, self._take(x, places)), places, spread)
        return x

    def project(
        self, layer: int, name: str, x: torch.Tensor, y: torch.Tensor, frozen: Callable[[], Frozen]
    ) -> torch.Tensor:
        for bank, layers, spread, places in self.parts:
            if not isinstance(bank, LoRABank | LoRACombination) or name not in bank.targets:
                continue
            given = name, layers[layer], spread, self._take(x, places)
            if isinstance(bank, LoRABank):
                new = bank.apply_to(*given, self._take(y, places), frozen, self._streams(places))
                y = self._put(y, new, places, spread)
            else:
                delta = bank.update(*given, self._streams(places), partial(self.watch, layer, name))
                y = self._add(y, delta, places, spread)
        return y

    def after(
        self, layer: int, place: Place, hidden: torch.Tensor, residual: torch.Tensor, norm: Norm
    ) -> torch.Tensor:
        for bank, layers, spread, places in self.parts:
            if not isinstance(bank, BottleneckBank | BottleneckCombination):
                continue
            if place not in bank.places or not layers[layer]:
                continue
            given = spread, self._take(hidden, places), self._take(residual, places), norm
            if isinstance(bank, BottleneckBank):
                new = bank.apply_to(place, layers[layer], *given)
            else:
                note = partial(self.watch, layer, place if len(bank.places) > 1 else "after")
                new = bank.apply_to(layers[layer][place], *given, self._streams(places), note)
            hidden = self._put(hidden, new, places, spread)
        return hidden

    def _streams(self, places: list[int]) -> list[Any] | None:
        return None if self.streams is None else [self.streams[place] for place in places]

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


def _unwatched(layer: int, site: str, shares: torch.Tensor) -> None:
    """Nobody asks for the weights of a combination."""
