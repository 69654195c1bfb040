"""A ModelSpec or the folder of an Encoder stage -> the frozen encoder and its tokenizer."""

import json
from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from importlib.resources import files
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import tokenizers
import torch
import transformers

from xadapt.errors import DataError, IntegrityError
from xadapt.modeling.encoder import Encoder
from xadapt.modeling.library import LibraryEncoder
from xadapt.modeling.quantized import quantize
from xadapt.recipe import ModelSpec
from xadapt.sources import cache, local_model
from xadapt.sources.lock import File

SPECIAL_TOKENS = ("<s>", "<pad>", "</s>", "<unk>")
SCORE_DIGITS = 4
ALPHABET_STEP = 1e-4
"""By which the trainer raises the score of each further character that it adds for the alphabet."""


def location(spec: ModelSpec) -> tuple[str, str | None]:
    """(folder or hub id, revision). Raises IntegrityError when a local model is not that planned."""
    if spec.name == "toyworld":
        folder = Path(str(files("xadapt.toyworld") / "encoder"))
    elif spec.folder is not None:
        folder = Path(spec.folder)
    else:
        return str(cache.model_folder(spec.name, spec.revision, tuple(File(*f) for f in spec.files))), None
    if (found := local_model.content(folder)) != spec.revision:
        raise IntegrityError(f"{folder}: its files give {found[:12]}, planned was {spec.revision[:12]}")
    return str(folder), None


P = ParamSpec("P")
T = TypeVar("T")
_kept: dict[tuple[Any, ...], Any] = {}
"""The last encoder that was loaded, and by what: stages of one model run one after another."""


def forget() -> None:
    """Let the last encoder go: what loads next may need its room."""
    _kept.clear()


def _once(load: Callable[P, T]) -> Callable[P, T]:
    """Loads what is not the last encoder already, which goes first: both together may not fit."""

    @wraps(load)
    def found(*args: P.args, **kwargs: P.kwargs) -> T:
        key = (load.__name__, args, tuple(kwargs.items()))
        if key not in _kept:
            forget()
            _kept[key] = load(*args, **kwargs)
        made: T = _kept[key]
        return made

    return found


@_once
def load(
    place: str, revision: str | None, device: torch.device, dtype: torch.dtype, bits: int | None = None
) -> Encoder:
    """The frozen encoder on its device; the last one loaded is kept, stages of one model run together.

    Its matrices are in 8 or 4 `bits` where these are given; raises WrongEnvironment where that cannot be.
    """
    encoder = Encoder.load(place, revision)
    encoder.freeze()
    if bits is None:
        encoder.place(device, dtype)
    else:
        encoder.place(torch.device("cpu"), dtype)
        quantize(encoder, bits, device)
        encoder.to(device)
    return encoder


@_once
def load_by_library(
    place: str, revision: str | None, device: torch.device, dtype: torch.dtype, name: str, low_rank: bool
) -> LibraryEncoder:
    """The same for a model that a library carries modules on: `peft` when these are `low_rank`."""
    encoder = LibraryEncoder.load(place, revision, name)
    encoder.place(device, dtype)
    return encoder


@lru_cache(maxsize=2)
def tokenizer(place: str, revision: str | None) -> tokenizers.Tokenizer:
    """The fast tokenizer behind the Hugging Face one, with a special token at both ends of a text.

    Raises DataError when there is none.
    """
    try:
        fast = transformers.AutoTokenizer.from_pretrained(place, revision=revision, use_fast=True)
    except OSError as error:
        raise DataError(f"tokenizer of {place!r} cannot be read: {str(error).splitlines()[0]}") from error
    found: tokenizers.Tokenizer = fast.backend_tokenizer
    if len(found.encode("").ids) < 2:
        _give_ends(found, fast, place)
    return found


def _give_ends(found: tokenizers.Tokenizer, fast: Any, place: str) -> None:
    """For tokenizers that mark one end of a text or none, as those of decoders and of T5 do.

    Heads count on both: the first is what no answer points to, the last has seen the whole text.
    """
    if (last := fast.eos_token) is None:
        raise DataError(f"tokenizer of {place!r} has no token for the end of a text")
    first = fast.bos_token or last
    found.post_processor = tokenizers.processors.TemplateProcessing(
        single=[first, "$A", last],
        pair=[first, "$A", last, "$B", last],
        special_tokens=[(token, found.token_to_id(token)) for token in dict.fromkeys((first, last))],
    )


def copy_tokenizer(place: str, revision: str | None, folder: Path) -> None:
    """Write the tokenizer of a model into the folder of another, as transformers keeps it."""
    found = transformers.AutoTokenizer.from_pretrained(place, revision=revision, use_fast=True)
    found.save_pretrained(str(folder))


def train_tokenizer(lines: Sequence[str], vocabulary: int) -> tokenizers.Tokenizer:
    """A Unigram tokenizer with XLM-R's special tokens, ids and pair template."""
    made = tokenizers.Tokenizer(tokenizers.models.Unigram())
    made.normalizer = tokenizers.normalizers.NFKC()
    made.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    made.decoder = tokenizers.decoders.Metaspace(replacement="▁", prepend_scheme="always")
    trainer = tokenizers.trainers.UnigramTrainer(
        vocab_size=vocabulary - 1,
        special_tokens=list(SPECIAL_TOKENS),
        unk_token="<unk>",
        show_progress=False,
    )
    made.train_from_iterator(lines, trainer)
    made.model = _settled(made)
    made.add_special_tokens(["<mask>"])
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    return made


def _settled(made: tokenizers.Tokenizer) -> tokenizers.models.Unigram:
    """The trained model with scores and order that depend on the text alone.

    The trainer goes through its counts in an order that changes from run to run: scores differ in their last
    digits, and the characters that it adds at the end, to cover the alphabet, get steps above the lowest
    score in that order. Here scores are rounded and those characters all have the lowest.
    """
    vocabulary = json.loads(made.to_str())["model"]["vocab"]
    special, pieces = vocabulary[: len(SPECIAL_TOKENS)], vocabulary[len(SPECIAL_TOKENS) :]
    lowest = min(score for _, score in pieces)
    added_below = lowest + ALPHABET_STEP * (1 + sum(len(piece) == 1 for piece, _ in pieces))
    settled = [
        (piece, round(lowest if len(piece) == 1 and score < added_below else score, SCORE_DIGITS))
        for piece, score in pieces
    ]
    ordered = sorted(settled, key=lambda each: (-each[1], each[0]))
    return tokenizers.models.Unigram([*map(tuple, special), *ordered], SPECIAL_TOKENS.index("<unk>"), False)


def save_tokenizer(made: tokenizers.Tokenizer, folder: Path, max_length: int) -> None:
    """Write it so that `transformers.AutoTokenizer` loads it, without any truncation of ours."""
    made.no_padding()
    made.no_truncation()
    wrapped = transformers.XLMRobertaTokenizerFast(tokenizer_object=made, model_max_length=max_length)
    wrapped.save_pretrained(str(folder))
