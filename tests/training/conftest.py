"""The small encoder of these tests, and its tokenizer."""

import pytest
import tokenizers

from xadapt.modeling.encoder import Encoder
from xadapt.modeling.pretrained import train_tokenizer

from .small import SMALL, sentence


@pytest.fixture(scope="session")
def tokenizer() -> tokenizers.Tokenizer:
    return train_tokenizer([sentence(n, 12) for n in range(60)], 60)


@pytest.fixture(scope="session")
def encoder(tokenizer: tokenizers.Tokenizer) -> Encoder:
    made = Encoder.fresh(SMALL, tokenizer.get_vocab_size(), 1)
    made.freeze()
    return made
