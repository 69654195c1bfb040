"""Which Hugging Face configurations the encoder computes; any other is refused by field and value."""

from typing import Any

from xadapt.errors import DataError

COMPUTED: dict[str, Any] = {
    "model_type": "xlm-roberta",
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


def check_architecture(config: Any, place: str) -> None:
    """Raise DataError, beginning with `place`, where the encoder would not compute what `config` says."""
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
