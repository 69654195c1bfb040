"""XLM-R, RoBERTa and BERT on packed tokens, with weights from Hugging Face, whose parameter names it knows.

Conneau et al. 2020, Liu et al. 2019, Devlin et al. 2019. Nothing is padded; positions count within each
sequence, from 2 (padding_idx + 1) or, in BERT, from 0.
Attention-probability dropout is not offered: fused kernels draw it from one global stream, so that a
task would train differently beside others; dropout on embeddings and sub-layer outputs is.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
import transformers
from torch import nn
from torch.nn import functional as F

from xadapt.errors import ConfigError, IntegrityError
from xadapt.modeling.architecture import check_architecture, first_position, layout, positions
from xadapt.modeling.attention import Attention
from xadapt.modeling.layer import LAYER, QKV, Layer, LayerNorm
from xadapt.modeling.loading import check_whole, loading
from xadapt.modeling.packed import Packed
from xadapt.modeling.sites import NO_SITES, Dropout, Sites, no_dropout
from xadapt.recipe import Architecture

__all__ = ["Dropout", "Encoder", "Packed", "no_dropout"]

Through = Callable[..., torch.Tensor]
"""Takes a layer and what it is called with, gives what it returns."""
EMBEDDINGS = ("word_embeddings", "position_embeddings", "token_type_embeddings")


def directly(layer: Callable[..., torch.Tensor], *given: Any) -> torch.Tensor:
    return layer(*given)


class Encoder(nn.Module):
    """An encoder of a known layout without pooler or head. Made trainable; `freeze` it to put modules on it.

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
        """From a bare transformers model of a known layout; the weights are copied."""
        return cls(model.config, {name: w.detach().clone() for name, w in model.state_dict().items()})

    @classmethod
    def load(cls, place: str, revision: str | None = None) -> "Encoder":
        """From a folder or hub id, in fp32, safetensors only.

        Raises DataError when it is not there or computes something else than the engine, IntegrityError when
        weights are missing, broken, of another size or more than those of the layout.
        """
        with loading(place):
            config = transformers.AutoConfig.from_pretrained(place, revision=revision)
            check_architecture(config, f"model {place!r}")
            model, info = _model_class(config).from_pretrained(
                place,
                revision=revision,
                add_pooling_layer=False,
                dtype=torch.float32,
                use_safetensors=True,
                output_loading_info=True,
            )
        check_whole(place, info)
        if more := sorted(name for name in info["unexpected_keys"] if "encoder.layer." in name):
            # A pooler or a head is left out; what sits inside a layer changes what it computes.
            raise IntegrityError(
                f"model {place!r}: {more[0]!r} is in no {config.model_type} "
                f"of {config.num_hidden_layers} layers"
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
        """A bare transformers model with the same weights, without pooler; draws nothing."""
        with torch.random.fork_rng(devices=[]):
            model = _model_class(self.config)(self.config, add_pooling_layer=False)
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

    @property
    def room(self) -> int:
        """Tokens of the longest sequence."""
        return positions(self.config)

    @torch.no_grad()
    def row_norms(self, name: str) -> torch.Tensor:
        """The norm of each row of the projection `name` in every layer, [L, out], fp32 on the CPU."""
        weights = [layer.frozen(name).weight for layer in self.layers if isinstance(layer, Layer)]
        return torch.stack([torch.linalg.vector_norm(weight.float(), dim=1) for weight in weights]).cpu()

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
        through: Through = directly,
    ) -> torch.Tensor:
        """Hidden states [T, hidden] after `upto` layers (all of them when None; 0 gives the embeddings).

        `through` calls each layer: training may compute one again in the backward instead of keeping it.

        Raises ValueError for a sequence longer than the position table and for `sites` that were made for
        another batch, ConfigError for a layer that is not there.
        """
        if sites.tokens not in (None, packed.tokens):
            raise ValueError(f"sites for {sites.tokens} tokens by job, the batch has {packed.tokens}")
        if upto is not None and not 0 <= upto <= len(self.layers):
            raise ConfigError(f"layer {upto} of an encoder of {len(self.layers)}", "set [reading] layer")
        if max(packed.lengths) > self.room:
            raise ValueError(
                f"a sequence has {max(packed.lengths)} tokens, the encoder has {self.room} positions"
            )
        x = dropout(self.norm(self._embedded(packed)))
        x = sites.embedded(x)
        attention = Attention(packed.lengths, self.config.num_attention_heads, x.device)
        for number, layer in enumerate(self.layers[:upto]):
            x = through(layer, x, number, attention, sites, dropout)
        hidden: torch.Tensor = x.float()
        return hidden

    def _embedded(self, packed: Packed) -> torch.Tensor:
        words, places, types = (self.embeddings[name] for name in EMBEDDINGS)
        # Where all tokens are of one type, tokenizers may still number the texts of a pair.
        typed = packed.types if len(types) > 1 else None
        own = types[0] if typed is None else F.embedding(typed, types)
        at = packed.positions(first_position(self.config))
        return F.embedding(packed.ids, words) + own + F.embedding(at, places)


def _model_class(config: Any) -> Any:
    return getattr(transformers, layout(config).model)


def checksum(tensors: Any) -> tuple[int, ...]:
    """Sum of the bit patterns of each tensor."""
    width = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
    return tuple(
        int(t.detach().contiguous().view(width[t.element_size()]).sum(dtype=torch.int64)) for t in tensors
    )
