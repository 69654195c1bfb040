"""Every known family, tiny and random, as a folder that transformers loads; nothing is downloaded."""

from pathlib import Path

import torch
import transformers

from xadapt import models

from .conftest import shake

VOCABULARY = 60
SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 130,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
}
GROUPED = {"num_key_value_heads": 2, "head_dim": 8}
OWN = {
    "modernbert": {
        "max_position_embeddings": 128,
        "cls_token_id": 0,
        "sep_token_id": 2,
        "local_attention": 16,
    },
    "mt5": {
        "vocab_size": VOCABULARY,
        "d_model": 32,
        "d_kv": 8,
        "d_ff": 48,
        "num_layers": 2,
        "num_heads": 4,
        "pad_token_id": 1,
    },
    "llama": GROUPED,
    "qwen2": {"num_key_value_heads": 2},
    "qwen3": GROUPED,
    "xglm": {
        "vocab_size": VOCABULARY,
        "d_model": 32,
        "ffn_dim": 48,
        "num_layers": 2,
        "attention_heads": 4,
        "max_position_embeddings": 128,
    },
    "bloom": {"vocab_size": VOCABULARY, "hidden_size": 32, "n_layer": 2, "n_head": 4, "pad_token_id": 1},
}
WHOLE = ("mt5", "xglm", "bloom")
"""Families whose sizes have names of their own."""


def tiny_config(model_type: str) -> transformers.PretrainedConfig:
    own = OWN.get(model_type, {})
    sizes = own if model_type in WHOLE else SIZES | own
    return transformers.AutoConfig.for_model(model_type, **sizes)


def build(model_type: str, folder: Path) -> Path:
    """The model of a family with noisy weights, in `folder`."""
    family = models.FAMILIES[model_type]
    settings = {"add_pooling_layer": False} if family.pooler else {}
    torch.manual_seed(0)
    model = getattr(transformers, family.model_class)(tiny_config(model_type), **settings)
    shake(model).save_pretrained(str(folder))
    return folder
