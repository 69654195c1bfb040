"""Which Hugging Face configurations the encoder computes; any other is refused by field and value."""

from dataclasses import dataclass
from typing import Any

from xadapt.errors import DataError, nearest


@dataclass(frozen=True)
class Layout:
    """An encoder of those that are computed alike: they differ in names, and in where positions start.

    Below `model`, `adapters` and checkpoints with heads name every weight as a bare model does.
    """

    model: str
    """The class of transformers."""
    library: str
    """The class of `adapters` with heads."""
    prefix: str
    """Of the encoder's weights in a model with heads."""
    behind_padding: bool = True
    """Whether positions count from the one behind the padding id (fairseq's way), else from 0."""


LAYOUTS = {
    "xlm-roberta": Layout("XLMRobertaModel", "XLMRobertaAdapterModel", "roberta"),
    "roberta": Layout("RobertaModel", "RobertaAdapterModel", "roberta"),
    "bert": Layout("BertModel", "BertAdapterModel", "bert", behind_padding=False),
}
"""By the `model_type` of their configuration."""
COMPUTED: dict[str, Any] = {
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "is_encoder_decoder": False,
    "add_cross_attention": False,
    "pruned_heads": {},
    "quantization_config": None,
}
"""Field -> the one value that the encoder computes; a field that is absent has it."""
COUNTS = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "max_position_embeddings",
    "type_vocab_size",
)


def layout(config: Any) -> Layout:
    """Of a configuration that has been checked."""
    return LAYOUTS[config.model_type]


def first_position(config: Any) -> int:
    """The position of the first token of a sequence."""
    return int(config.pad_token_id) + 1 if layout(config).behind_padding else 0


def positions(config: Any) -> int:
    """The most tokens that a sequence can have."""
    return int(config.max_position_embeddings) - first_position(config)


def check_architecture(config: Any, place: str) -> None:
    """Raise DataError, beginning with `place`, where the encoder would not compute what `config` says."""
    if (kind := getattr(config, "model_type", None)) not in LAYOUTS:
        known = f"supported are {', '.join(map(repr, LAYOUTS))}"
        raise DataError(f"{place}: model_type = {kind!r}; {known}{nearest(str(kind), LAYOUTS)}")
    for name, supported in COMPUTED.items():
        found = getattr(config, name, supported)
        if found != supported:
            raise DataError(f"{place}: {name} = {found!r}; supported is {supported!r}")
    for name in COUNTS:
        if type(found := getattr(config, name, None)) is not int or found < 1:
            raise DataError(f"{place}: {name} = {found!r}; supported is a number above 0")
    if type(config.pad_token_id) is not int:
        # The first position of a sequence is the one behind the padding id.
        raise DataError(f"{place}: pad_token_id = {config.pad_token_id!r}; supported is a number")
    if not isinstance(config.layer_norm_eps, float):
        raise DataError(f"{place}: layer_norm_eps = {config.layer_norm_eps!r}; supported is a small number")
    if config.hidden_size % config.num_attention_heads:
        raise DataError(
            f"{place}: hidden_size = {config.hidden_size} is no multiple of "
            f"num_attention_heads = {config.num_attention_heads}"
        )
