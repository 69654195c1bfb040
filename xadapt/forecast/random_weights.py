"""A model of a known size with random weights: as fast as the trained one."""

from importlib.resources import files
from pathlib import Path
from shutil import copyfile

from xadapt.experiment.models import planned
from xadapt.forecast.model import Model
from xadapt.recipe import ModelSpec
from xadapt.sources.lock import Lock

POSITIONS = 514
"""In place of none, since an XLM-R has a table of them."""


def random_model(made: Model, folder: Path) -> ModelSpec:
    """An XLM-R of this size with random weights and the tokenizer of the toy world, written to `folder`."""
    from transformers import XLMRobertaConfig, XLMRobertaModel

    size = made.sizes
    config = XLMRobertaConfig(
        vocab_size=size.vocabulary,
        hidden_size=size.hidden,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        intermediate_size=size.intermediate,
        max_position_embeddings=size.positions or POSITIONS,
        type_vocab_size=1,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
    )
    XLMRobertaModel(config, add_pooling_layer=False).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        copyfile(str(files("xadapt.toyworld") / "encoder" / name), folder / name)
    return planned(ModelSpec(name=made.name, folder=str(folder)), Lock())
