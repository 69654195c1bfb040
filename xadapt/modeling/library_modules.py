"""One module on a Hugging Face model: put on, read, taken off; by `adapters`, LoRA by `peft`."""

import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import adapters
import peft
import torch
from adapters import AdapterConfig, AdapterModelInterface

from xadapt.errors import ConfigError
from xadapt.models import Family
from xadapt.recipe import IA3, Bottleneck, Compacter, LoRA, Method, PrefixTuning

# While a module is being added it warns that none is active yet.
logging.getLogger("adapters.model_mixin").setLevel(logging.ERROR)

NAME = "xadapt"
"""What every module is called in the libraries."""
BOTTLENECKS: Mapping[str, type[Any]] = {
    "sequential": adapters.SeqBnConfig,
    "double": adapters.DoubleSeqBnConfig,
    "parallel": adapters.ParBnConfig,
}
INTERFACES: Mapping[str, Any] = {
    # Without the norms that the interface of `adapters` 1.3.0 names: of these it uses the last layer's
    # in every layer. A layer that normalises its input, as ModernBERT's does, has none behind.
    "modernbert": AdapterModelInterface(
        adapter_methods=["bottleneck", "lora"],
        model_embeddings="embeddings",
        model_layers="layers",
        layer_self_attn="attn",
        layer_cross_attn=None,
        attn_qkv_proj="Wqkv",
        attn_o_proj="Wo",
        layer_intermediate_proj="mlp.Wi",
        layer_output_proj="mlp.Wo",
        layer_pre_self_attn="attn",
        layer_pre_ffn="mlp",
    ),
    "xlm-roberta-xl": AdapterModelInterface(
        adapter_methods=["bottleneck", "lora"],
        model_embeddings="embeddings",
        model_layers="encoder.layer",
        layer_self_attn="attention",
        layer_cross_attn=None,
        attn_q_proj="self.query",
        attn_k_proj="self.key",
        attn_v_proj="self.value",
        attn_o_proj="output.dense",
        layer_intermediate_proj="intermediate.dense",
        layer_output_proj="output.dense",
        layer_pre_self_attn="attention.self",
        layer_pre_ffn="LayerNorm",
    ),
}
"""Families that `adapters` does not know, or knows wrongly."""


def adapters_config(method: Method, hidden_size: int) -> AdapterConfig:
    """The configuration of `adapters` for a method. Raises ConfigError for sizes that it cannot have."""
    match method:
        case Bottleneck():
            return BOTTLENECKS[method.place](
                reduction_factor=method.reduction_factor,
                non_linearity=method.non_linearity,
                scaling=method.scale,
                leave_out=list(method.leave_out),
            )
        case Compacter():
            if (units := hidden_size / method.reduction_factor) % method.phm_dim:
                raise ConfigError(
                    f"compacter: {hidden_size} / reduction_factor {method.reduction_factor:g} = {units:g} "
                    f"units are no multiple of phm_dim {method.phm_dim}"
                )
            return adapters.CompacterConfig(**_values(method))
        case IA3():
            return adapters.IA3Config(**_values(method))
        case PrefixTuning():
            return adapters.PrefixTuningConfig(**_values(method))
    raise ConfigError(f"{method.name} is no method of `adapters`")


def _values(method: Method) -> dict[str, Any]:
    return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(method).items()}


def peft_config(method: LoRA, family: Family) -> peft.LoraConfig:
    """The configuration of `peft` for LoRA on a family."""
    places = sorted({place for target in method.targets for place in family.projections[target]})
    below = "|".join(place.replace(".", r"\.") for place in places)
    layers = family.layers.replace(".", r"\.")
    return peft.LoraConfig(
        r=method.rank,
        lora_alpha=method.alpha,  # type: ignore[arg-type]
        lora_dropout=method.dropout,
        target_modules=rf"(.*\.)?{layers}\.\d+\.({below})",
        use_rslora=method.rslora,
        use_dora=method.dora,
        task_type="FEATURE_EXTRACTION",
    )


class Carrier:
    """A frozen model that carries at most one module, whose weights are all that trains in it."""

    def __init__(self, model: Any, family: Family) -> None:
        self.model, self.family = model, family
        self.method: Method | None = None
        self._wrapped: Any = None
        model.requires_grad_(False)
        self.frozen = tuple(model.parameters())
        self._known = {id(parameter) for parameter in self.frozen}

    def put(self, method: Method, seed: int) -> None:
        """A new module in place of the one that was there, its weights drawn from `seed` alone."""
        self.take_off()
        if not isinstance(method, LoRA) and not hasattr(self.model, "adapters_config"):
            # Not below the seed: it draws.
            adapters.init(self.model, interface=INTERFACES.get(self.family.model_type))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            if isinstance(method, LoRA):
                self._put_lora(method)
            else:
                self._put_adapter(method)
        self.method = method
        self.model.requires_grad_(False)
        own = self.weights()
        if not own:
            raise ConfigError(f"{method.name} has no weights on {self.family.model_type}")
        for parameter in own.values():
            parameter.data = parameter.data.float()
            parameter.requires_grad_(True)
        # What is new comes in training mode, where it drops.
        self.model.to(self.frozen[0].device).eval()

    def _put_adapter(self, method: Method) -> None:
        config = adapters_config(method, self.model.config.hidden_size)
        self.model.add_adapter(NAME, config=config, set_active=True)

    def _put_lora(self, method: LoRA) -> None:
        config = peft_config(method, self.family)
        self._wrapped = peft.get_peft_model(self.model, config, adapter_name=NAME)

    def take_off(self) -> None:
        """The model as it was."""
        if self._wrapped is not None:
            self._wrapped.unload()
            self._wrapped = None
        elif self.method is not None:
            self.model.delete_adapter(NAME)
        self.method = None

    def weights(self) -> dict[str, torch.nn.Parameter]:
        """What the module has, by name in the model."""
        return {n: p for n, p in self.model.named_parameters() if id(p) not in self._known}

    @torch.no_grad()
    def fill(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Copy weights of the same names into the module."""
        for name, parameter in self.weights().items():
            parameter.copy_(weights[name])
