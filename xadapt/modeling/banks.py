"""Modules of one kind side by side: their weights stacked on a leading axis, one row per job.

Tokens come job by job. With equal counts a bank is one batched matmul; with ragged ones it is one grouped
matmul on a GPU in bf16, and elsewhere a loop over slices. A stacked parameter is split into layers once per
forward: indexing it in each layer would cost a gradient as large as the whole parameter every time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from xadapt.modeling.module import Module, prefixes
from xadapt.modeling.sites import Frozen, Norm, Place
from xadapt.modeling.transfer import rows_of, sent
from xadapt.recipe import Bottleneck, LoRA

NON_LINEARITIES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "relu": F.relu,
    "gelu": F.gelu,
    "swish": F.silu,
    "tanh": torch.tanh,
}


GROUPED = (9, 10)
"""Generations of GPUs (Hopper, Blackwell) on which torch has one kernel for ragged groups."""


@dataclass(frozen=True)
class Spread:
    """Which rows of a bank a forward uses, and how many tokens each has."""

    rows: tuple[int, ...]
    tokens: tuple[int, ...]

    def linear(self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        """x [T, in], weight [rows, out, in], bias [rows, out] -> [T, out], each job by its own matrix."""
        if len(self.tokens) == 1:
            # Not weight[0], whose gradient would be copied into zeros.
            return F.linear(x, weight.squeeze(0), None if bias is None else bias.squeeze(0))
        if len(set(self.tokens)) == 1:
            groups = x.unflatten(0, (len(self.tokens), -1))
            turned = weight.transpose(1, 2)
            made = (
                torch.bmm(groups, turned)
                if bias is None
                else torch.baddbmm(bias.unsqueeze(1), groups, turned)
            )
            return made.flatten(0, 1)
        if _has_grouped(x, weight):
            return self.grouped(x.bfloat16(), weight.bfloat16(), bias)
        biases = [None] * len(self.tokens) if bias is None else bias.unbind(0)
        parts = zip(x.split(list(self.tokens)), weight.unbind(0), biases, strict=True)
        return torch.cat([F.linear(part, w, b) for part, w, b in parts])

    def grouped(self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        """The same by one kernel for all jobs, whatever their counts; x and weight are of one precision."""
        ends, owners = _ragged(self.tokens, x.device, x.dtype)
        made = F.grouped_mm(x, weight.transpose(1, 2), offs=ends)
        # A product with the owners, not a gathered bias, whose gradient would be added token by token.
        return made if bias is None else torch.addmm(made, owners, bias.to(x.dtype))

    def times(self, x: torch.Tensor, factors: torch.Tensor) -> torch.Tensor:
        """x [T, out] times [rows, out], each job by its own row."""
        if len(set(self.tokens)) == 1:
            groups: torch.Tensor = x.unflatten(0, (len(self.tokens), -1))
            return (groups * factors.unsqueeze(1)).flatten(0, 1)
        parts = zip(x.split(list(self.tokens)), factors.unbind(0), strict=True)
        return torch.cat([part * own for part, own in parts])

    def drop(self, x: torch.Tensor, rate: float, streams: Sequence[Any]) -> torch.Tensor:
        """Dropout of x [T, ...], each job by its own stream."""
        parts = zip(streams, x.split(list(self.tokens)), strict=True)
        return torch.cat([stream(part, rate) for stream, part in parts])


def _has_grouped(x: torch.Tensor, weight: torch.Tensor) -> bool:
    """On CUDA under bf16 autocast, for widths that are whole steps of 16 bytes."""
    if x.device.type != "cuda" or not torch.is_autocast_enabled("cuda"):
        return False
    # Elsewhere torch loops over the groups too, and waits for their sizes to come back from the GPU.
    if torch.cuda.get_device_capability(x.device)[0] not in GROUPED:
        return False
    whole = all(width % 8 == 0 for width in weight.shape[1:])
    return whole and torch.get_autocast_dtype("cuda") == torch.bfloat16 and hasattr(F, "grouped_mm")


@lru_cache(maxsize=4)
def _ragged(
    tokens: tuple[int, ...], device: torch.device, dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor]:
    """The end of each job's tokens, [jobs] int32, and its tokens, [T, jobs] of 0 and 1."""
    counts = torch.tensor(tokens)
    owners = F.one_hot(torch.repeat_interleave(counts)).to(dtype)
    ends = counts.cumsum(0).to(torch.int32)
    return sent(ends, device), sent(owners, device)


class Bank(nn.Module):
    """`modules` have one method; `trainable` ones are parameters, frozen ones buffers."""

    def __init__(self, weights: Sequence[dict[str, torch.Tensor]], trainable: bool) -> None:
        super().__init__()
        self.trainable = trainable
        self.names = sorted(weights[0])
        for name in self.names:
            stacked = torch.stack([one[name] for one in weights]).float().clone()
            key = name.replace(".", "_")
            if trainable:
                self.register_parameter(key, nn.Parameter(stacked))
            else:
                self.register_buffer(key, stacked)

    def stacked(self, name: str) -> torch.Tensor:
        found: torch.Tensor = getattr(self, name.replace(".", "_"))
        return found

    def row(self, number: int) -> dict[str, torch.Tensor]:
        """Copies of the weights of one module."""
        return {name: self.stacked(name)[number].detach().cpu().clone() for name in self.names}

    def layers(self, rows: Sequence[int]) -> list[dict[str, torch.Tensor]]:
        """Per layer the weights of these rows, [rows, ...]."""
        every = list(rows) == list(range(len(self.stacked(self.names[0]))))
        split = {
            name: (self.stacked(name) if every else rows_of(self.stacked(name), rows)).unbind(1)
            for name in self.names
        }
        count = len(split[self.names[0]])
        return [{name: parts[layer] for name, parts in split.items()} for layer in range(count)]


class BottleneckBank(Bank):
    """h + scale up(f(down(z))) at each place of the method, which says what z is (recipe.Bottleneck)."""

    def __init__(self, modules: Sequence[Module], trainable: bool) -> None:
        super().__init__([module.weights for module in modules], trainable)
        method = modules[0].method
        assert isinstance(method, Bottleneck)
        self.method = method
        self.function = NON_LINEARITIES[method.non_linearity]
        self.prefixes = prefixes(method)
        self.places = frozenset(self.prefixes)

    def layers(self, rows: Sequence[int]) -> list[dict[str, torch.Tensor]]:
        """As of any bank; nothing for a layer that is left out."""
        found = super().layers(rows)
        for layer in self.method.leave_out:
            found.insert(layer, {})
        return found

    def apply_to(
        self,
        place: Place,
        w: dict[str, torch.Tensor],
        spread: Spread,
        hidden: torch.Tensor,
        residual: torch.Tensor,
        norm: Norm,
    ) -> torch.Tensor:
        start = self.prefixes[place]
        given = given_to(self.method, hidden, residual, norm)
        inner = self.function(spread.linear(given, w[f"{start}down_weight"], w[f"{start}down_bias"]))
        update = spread.linear(inner, w[f"{start}up_weight"], w[f"{start}up_bias"])
        return torch.add(hidden, update, alpha=self.method.scale)


def given_to(method: Bottleneck, hidden: torch.Tensor, residual: torch.Tensor, norm: Norm) -> torch.Tensor:
    """What a bottleneck reads, z of recipe.Bottleneck."""
    if method.place == "sequential":
        return norm(hidden + residual)
    # Without autocast a frozen matrix in half precision gives what fp32 weights do not take.
    return (hidden if method.place == "double" else residual).float()


class LoRABank(Bank):
    """y + scale B A x (Hu et al. 2022).

    Two stacked updates are added, each on the layer's own input, as `peft` does with two active
    adapters. (`adapters` feeds the output of the first A B pair into the second, which is no update of
    the frozen matrix and has no merged form.)
    """

    def __init__(self, modules: Sequence[Module], trainable: bool) -> None:
        super().__init__([module.weights for module in modules], trainable)
        method = modules[0].method
        assert isinstance(method, LoRA)
        self.scale = method.scale
        self.rate = method.dropout if trainable else 0.0
        self.targets = frozenset(method.targets)

    def apply_to(
        self,
        name: str,
        w: dict[str, torch.Tensor],
        spread: Spread,
        x: torch.Tensor,
        y: torch.Tensor,
        frozen: Callable[[], Frozen],
        streams: Sequence[Any] | None,
    ) -> torch.Tensor:
        """The output to go on with where the projection `name`, `frozen()`, gave `y` for input `x`."""
        # In the precision of the frozen projection, so that query, key and value stay alike.
        return y + self.update(name, w, spread, self._dropped(x, spread, streams)).to(y.dtype)

    def update(self, name: str, w: dict[str, torch.Tensor], spread: Spread, x: torch.Tensor) -> torch.Tensor:
        """scale B A x, [T, out]."""
        down = w[f"{name}.A"]
        # Without autocast a frozen projection in half precision gives what fp32 weights do not take.
        low = spread.linear(x.to(down.dtype), down, None)
        return spread.linear(low, w[f"{name}.B"], None) * self.scale

    def _dropped(self, x: torch.Tensor, spread: Spread, streams: Sequence[Any] | None) -> torch.Tensor:
        return x if streams is None or not self.rate else spread.drop(x, self.rate, streams)


class DoRABank(LoRABank):
    """(m / n) (W + scale B A) x with n the norms of the rows of W + scale B A (Liu et al. 2024).

    As in `peft`, n is a constant for the gradient (section 4.3), and dropout of the input is dropout before W
    and before A alike: m / n - 1 of what W then gives is added to what it gives without dropout.
    """

    def apply_to(
        self,
        name: str,
        w: dict[str, torch.Tensor],
        spread: Spread,
        x: torch.Tensor,
        y: torch.Tensor,
        frozen: Callable[[], Frozen],
        streams: Sequence[Any] | None,
    ) -> torch.Tensor:
        weight, bias = frozen()
        share = w[f"{name}.magnitude"] / self._norms(name, w, weight)
        given = self._dropped(x, spread, streams)
        base = y if given is x else F.linear(given.to(weight.dtype), weight)
        base = base.to(share.dtype) - (bias if given is x else 0)
        whole = spread.times(base + self.update(name, w, spread, given), share)
        return (y + (whole - base)).to(y.dtype)

    @torch.no_grad()
    def _norms(self, name: str, w: dict[str, torch.Tensor], weight: torch.Tensor) -> torch.Tensor:
        """[rows, out]."""
        # Half precision would shift every row by as much as training moves it.
        with torch.autocast(weight.device.type, enabled=False):
            whole = torch.baddbmm(weight.float(), w[f"{name}.B"], w[f"{name}.A"], alpha=self.scale)
        norms: torch.Tensor = torch.linalg.vector_norm(whole, dim=-1)
        return norms
