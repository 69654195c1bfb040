"""XLM-R on packed tokens, with weights from Hugging Face: the one file that knows their parameter names.

Conneau et al. 2020. Nothing is padded; positions count from 2 (padding_idx + 1) within each sequence.
Attention-probability dropout is not offered: fused kernels draw it from one global stream, so that a
task would train differently beside others; dropout on embeddings and sub-layer outputs is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
import transformers
from safetensors import SafetensorError
from torch import nn
from torch.nn import functional as F

from xadapt.errors import ConfigError, DataError, IntegrityError
from xadapt.modeling.architecture import check_architecture
from xadapt.modeling.attention import Attention
from xadapt.modeling.sites import NO_SITES, Dropout, Sites, no_dropout
from xadapt.recipe import Architecture

__all__ = ["Dropout", "Encoder", "Packed", "no_dropout"]

QKV = ("query", "key", "value")
LAYER = {
    "attention_output": "attention.output.dense",
    "intermediate": "intermediate.dense",
    "output": "output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "output_norm": "output.LayerNorm",
}
"""Our name -> Hugging Face's, below `encoder.layer.<n>.`."""
EMBEDDINGS = ("word_embeddings", "position_embeddings", "token_type_embeddings")


@dataclass(frozen=True)
class Packed:
    """Sequences one after another; the sequences of job j are the next `groups[j]` of them.

    Raises ValueError when `lengths` and `ids`, or `groups` and `lengths`, do not count the same.
    """

    ids: torch.Tensor
    """[T], int64."""
    lengths: tuple[int, ...]
    groups: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.ids.shape != (sum(self.lengths),):
            raise ValueError(f"ids are {list(self.ids.shape)}, the lengths count {sum(self.lengths)} tokens")
        if self.groups and sum(self.groups) != len(self.lengths):
            raise ValueError(f"groups count {sum(self.groups)} sequences, there are {len(self.lengths)}")
        if min(self.lengths, default=0) < 1 or min(self.groups, default=1) < 1:
            raise ValueError(f"an empty sequence or group: lengths {self.lengths}, groups {self.groups}")

    @classmethod
    def of(cls, sequences: Sequence[Sequence[int]], groups: Sequence[int] = ()) -> "Packed":
        flat = torch.tensor([token for sequence in sequences for token in sequence])
        return cls(flat, tuple(map(len, sequences)), tuple(groups))

    @cached_property
    def tokens(self) -> tuple[int, ...]:
        """Tokens of each job."""
        found, at = [], 0
        for count in self.groups or (len(self.lengths),):
            found.append(sum(self.lengths[at : at + count]))
            at += count
        return tuple(found)

    def positions(self, first: int) -> torch.Tensor:
        """[T]: `first`, first + 1, ... within each sequence."""
        lengths = torch.tensor(self.lengths, device=self.ids.device)
        starts = torch.repeat_interleave(lengths.cumsum(0) - lengths, lengths)
        return torch.arange(len(self.ids), device=self.ids.device) - starts + first


class Linear(nn.Module):
    """A matrix [out, in] and a bias [out]; the input is taken in their precision."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x.to(self.weight.dtype), self.weight, self.bias)


class LayerNorm(Linear):
    """Always fp32; `weight` and `bias` are [hidden]."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor, eps: float) -> None:
        super().__init__(weight, bias)
        self.eps = eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.layer_norm(x.float(), x.shape[-1:], self.weight, self.bias, self.eps)


class Layer(nn.Module):
    """One post-norm transformer layer; query, key and value are one matrix."""

    def __init__(self, weights: dict[str, torch.Tensor], eps: float) -> None:
        super().__init__()
        names = [f"attention.self.{name}" for name in QKV]
        self.qkv = Linear(
            torch.cat([weights[f"{name}.weight"] for name in names]),
            torch.cat([weights[f"{name}.bias"] for name in names]),
        )
        for ours, theirs in LAYER.items():
            pair = weights[f"{theirs}.weight"], weights[f"{theirs}.bias"]
            self.add_module(ours, LayerNorm(*pair, eps) if ours.endswith("norm") else Linear(*pair))

    def forward(
        self, x: torch.Tensor, number: int, attention: Attention, sites: Sites, dropout: Dropout
    ) -> torch.Tensor:
        def project(name: str, given: torch.Tensor) -> torch.Tensor:
            made: torch.Tensor = self.get_submodule(name)(given)
            return sites.project(number, name, given, made) if name in sites.targets else made

        qkv = [
            sites.project(number, name, x, part) if name in sites.targets else part
            for name, part in zip(QKV, self.qkv(x).chunk(3, -1), strict=True)
        ]
        hidden = dropout(project("attention_output", attention(qkv)))
        x = self.get_submodule("attention_norm")(hidden + x)
        hidden = dropout(project("output", F.gelu(project("intermediate", x))))
        norm = self.get_submodule("output_norm")
        hidden = sites.after(number, hidden, x, norm)
        result: torch.Tensor = norm(hidden + x)
        return result


class Encoder(nn.Module):
    """XLM-R without pooler or head. Made trainable; `freeze` it to put modules on it.

    Raises DataError for a config that asks for anything else (architecture.py).
    """

    def __init__(self, config: Any, weights: dict[str, torch.Tensor]) -> None:
        super().__init__()
        check_architecture(config, "encoder")
        self.config = config
        self.embeddings = nn.ParameterDict(
            {name: nn.Parameter(weights[f"embeddings.{name}.weight"]) for name in EMBEDDINGS}
        )
        norm = "embeddings.LayerNorm"
        self.norm = LayerNorm(weights[f"{norm}.weight"], weights[f"{norm}.bias"], config.layer_norm_eps)
        self.layers = nn.ModuleList()
        for number in range(config.num_hidden_layers):
            start = f"encoder.layer.{number}."
            own = {name.removeprefix(start): w for name, w in weights.items() if name.startswith(start)}
            self.layers.append(Layer(own, config.layer_norm_eps))

    @classmethod
    def from_hf(cls, model: Any) -> "Encoder":
        """From a transformers XLMRobertaModel; the weights are copied."""
        return cls(model.config, {name: w.detach().clone() for name, w in model.state_dict().items()})

    @classmethod
    def load(cls, place: str, revision: str | None = None) -> "Encoder":
        """From a folder or hub id, in fp32, safetensors only.

        Raises DataError when it is not there or computes something else than the engine, IntegrityError when
        weights are missing, broken, of another size or more than those of XLM-R.
        """
        try:
            config = transformers.AutoConfig.from_pretrained(place, revision=revision)
            check_architecture(config, f"model {place!r}")
            model, info = transformers.XLMRobertaModel.from_pretrained(
                place,
                revision=revision,
                add_pooling_layer=False,
                dtype=torch.float32,
                use_safetensors=True,
                output_loading_info=True,
            )
        except SafetensorError as error:
            raise IntegrityError(f"model {place!r}: its weights are not whole ({error})") from error
        except (OSError, TypeError, ValueError) as error:
            raise DataError(f"model {place!r} cannot be read: {str(error).splitlines()[0]}") from error
        except RuntimeError as error:
            raise IntegrityError(f"model {place!r}: its weights are not those of its config") from error
        if missing := sorted(info["missing_keys"]):
            # transformers fills what is missing with random values and goes on.
            raise IntegrityError(f"model {place!r}: {len(missing)} weights are missing, first {missing[0]!r}")
        if more := sorted(name for name in info["unexpected_keys"] if "encoder.layer." in name):
            # A pooler or a head is left out; what sits inside a layer changes what it computes.
            raise IntegrityError(
                f"model {place!r}: {more[0]!r} is in no XLM-R of {config.num_hidden_layers} layers"
            )
        return cls.from_hf(model)

    @classmethod
    def fresh(cls, architecture: Architecture, vocabulary: int, seed: int) -> "Encoder":
        """Random weights as Hugging Face draws them, from `seed` alone."""
        config = transformers.XLMRobertaConfig(
            vocab_size=vocabulary,
            hidden_size=architecture.hidden,
            num_hidden_layers=architecture.layers,
            num_attention_heads=architecture.heads,
            intermediate_size=architecture.intermediate,
            max_position_embeddings=architecture.max_length + 2,
            type_vocab_size=1,
            layer_norm_eps=1e-5,
            bos_token_id=0,
            pad_token_id=1,
            eos_token_id=2,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return cls.from_hf(transformers.XLMRobertaModel(config, add_pooling_layer=False))

    def to_hf(self) -> Any:
        """A transformers XLMRobertaModel with the same weights, without pooler; draws nothing."""
        with torch.random.fork_rng(devices=[]):
            model = transformers.XLMRobertaModel(self.config, add_pooling_layer=False)
        model.load_state_dict(dict(self._hf_weights()), strict=True)
        return model

    def _hf_weights(self) -> Iterator[tuple[str, torch.Tensor]]:
        for name, weight in self.embeddings.items():
            yield f"embeddings.{name}.weight", weight
        yield "embeddings.LayerNorm.weight", self.norm.weight
        yield "embeddings.LayerNorm.bias", self.norm.bias
        for number, layer in enumerate(self.layers):
            start = f"encoder.layer.{number}"
            for kind in ("weight", "bias"):
                for name, part in zip(QKV, getattr(layer.get_submodule("qkv"), kind).chunk(3), strict=True):
                    yield f"{start}.attention.self.{name}.{kind}", part
                for ours, theirs in LAYER.items():
                    yield f"{start}.{theirs}.{kind}", getattr(layer.get_submodule(ours), kind)

    @property
    def word_embeddings(self) -> nn.Parameter:
        words: nn.Parameter = self.embeddings["word_embeddings"]
        return words

    def freeze(self) -> None:
        self.requires_grad_(False)

    def place(self, device: torch.device, dtype: torch.dtype) -> None:
        """Matrices and embeddings in `dtype`, LayerNorm in fp32."""
        self.to(device=device, dtype=dtype)
        for module in self.modules():
            if isinstance(module, LayerNorm):
                module.float()

    @torch.no_grad()
    def fingerprint(self) -> tuple[int, ...]:
        """An exact checksum of every weight: one changed bit changes it."""
        return checksum(self.parameters())

    def forward(
        self,
        packed: Packed,
        sites: Sites = NO_SITES,
        *,
        upto: int | None = None,
        dropout: Dropout = no_dropout,
    ) -> torch.Tensor:
        """Hidden states [T, hidden] after `upto` layers (all of them when None; 0 gives the embeddings).

        Raises ValueError for a sequence longer than the position table and for `sites` that were made for
        another batch, ConfigError for a layer that is not there.
        """
        if sites.tokens not in (None, packed.tokens):
            raise ValueError(f"sites for {sites.tokens} tokens by job, the batch has {packed.tokens}")
        if upto is not None and not 0 <= upto <= len(self.layers):
            raise ConfigError(f"layer {upto} of an encoder of {len(self.layers)}", "set [reading] layer")
        first = self.config.pad_token_id + 1
        room = self.config.max_position_embeddings - first
        if max(packed.lengths) > room:
            raise ValueError(f"a sequence has {max(packed.lengths)} tokens, the encoder has {room} positions")
        tables = self.embeddings
        x = F.embedding(packed.ids, tables["word_embeddings"]) + tables["token_type_embeddings"][0]
        x = dropout(self.norm(x + F.embedding(packed.positions(first), tables["position_embeddings"])))
        attention = Attention(packed.lengths, self.config.num_attention_heads, x.device)
        for number, layer in enumerate(self.layers[:upto]):
            x = layer(x, number, attention, sites, dropout)
        hidden: torch.Tensor = x.float()
        return hidden


def checksum(tensors: Any) -> tuple[int, ...]:
    """Sum of the bit patterns of each tensor."""
    width = {2: torch.int16, 4: torch.int32, 8: torch.int64}
    return tuple(
        int(t.detach().contiguous().view(width[t.element_size()]).sum(dtype=torch.int64)) for t in tensors
    )
