"""Tiny random models with tokenizers of their own, in folders as Hugging Face keeps them."""

from collections.abc import Sequence
from pathlib import Path

import tokenizers
import torch
import transformers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

from .conftest import shake

SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 48,
}


def word_piece(lines: Sequence[str], vocabulary: int = 400) -> tokenizers.Tokenizer:
    """As BERT's: special tokens are not the first ids."""
    made = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=False)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=vocabulary, special_tokens=special, show_progress=False)
    made.train_from_iterator(lines, trainer)
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 3), ("[SEP]", 4)],
    )
    made.decoder = decoders.WordPiece()
    return made


def byte_pairs(lines: Sequence[str], vocabulary: int = 400) -> tokenizers.Tokenizer:
    """As RoBERTa's."""
    made = tokenizers.Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - 1,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(lines, trainer)
    made.add_special_tokens(["<mask>"])
    made.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return made


def save(kind: str, lines: Sequence[str], folder: Path, positions: int = 130) -> Path:
    """A model of layout `kind` with a tokenizer trained on `lines`; only what is fetched of a model."""
    bert = kind == "bert"
    tokenizer = (word_piece if bert else byte_pairs)(lines)
    config, model, fast = {
        "bert": (transformers.BertConfig, transformers.BertModel, transformers.BertTokenizerFast),
        "roberta": (transformers.RobertaConfig, transformers.RobertaModel, transformers.RobertaTokenizerFast),
    }[kind]
    own = {"type_vocab_size": 2, "pad_token_id": 0} if bert else {"type_vocab_size": 1, "pad_token_id": 1}
    torch.manual_seed(0)
    size = tokenizer.get_vocab_size()
    made = model(config(vocab_size=size, max_position_embeddings=positions, **SIZES, **own))
    # Gradients of a new model come near the epsilon of Adam, which makes steps of their rounding.
    shake(made).save_pretrained(str(folder))
    fast(tokenizer_object=tokenizer, model_max_length=128).save_pretrained(str(folder))
    for written in ("vocab.txt", "vocab.json", "merges.txt"):
        (folder / written).unlink(missing_ok=True)
    return folder
