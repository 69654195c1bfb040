"""Which datasets the world is written out as, and the rows of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import count, islice, product
from random import Random
from typing import Any, Final

from xadapt.toyworld import layouts, pretraining, retrieval, searching
from xadapt.toyworld.dialects import LANGUAGES
from xadapt.toyworld.partition import Side, is_told_in, side_of_split
from xadapt.toyworld.seeds import stream

Row = dict[str, Any]
Layout = Callable[[Random, Side, str, int], Row]
SPLITS: Final = ("train", "validation", "test")
POOLS: Final = ("pool_source", "pool_target")

LAYOUTS: Final[dict[str, Layout]] = {
    "anli": layouts.anli,
    "snli": layouts.nli,
    "mnli": layouts.mnli,
    "qqp": layouts.qqp,
    "squad": layouts.squad,
    "squad_v2": layouts.squad_v2,
    "hellaswag": layouts.hellaswag,
    "ccg": layouts.ccg,
    "cosmos_qa": layouts.cosmos_qa,
    "commonsense_qa": layouts.commonsense_qa,
    "social_i_qa": layouts.social_i_qa,
    "copa": layouts.copa,
    "xnli": layouts.nli,
    "paws-x": layouts.paws,
    "udpos": layouts.udpos,
    "panx": layouts.panx,
    "xquad": layouts.squad,
    "mlqa": layouts.mlqa,
    "tydiqa": layouts.tydiqa,
    "xcopa": layouts.xcopa,
}

SHORT: Final = {
    "udpos": "tokens",
    "panx": "tokens",
    "ccg": "tokens",
    "commonsense_qa": "question",
    "qqp": "question2",
    "paws-x": "sentence2",
}
"""Datasets of short texts, and the column whose sentences no two splits have in common."""
SEARCHES: Final = {"lareqa": searching.lareqa, "mewslix": searching.mewslix}


@dataclass(frozen=True)
class Dataset:
    """A name of the real collection, with the configs and splits it can be had in."""

    name: str
    configs: tuple[str, ...] = LANGUAGES
    splits: tuple[str, ...] = SPLITS


_LANGUAGE_PAIRS = tuple(".".join(pair) for pair in product(LANGUAGES, repeat=2))
DATASETS: Final[dict[str, Dataset]] = {
    **{name: Dataset(name, _LANGUAGE_PAIRS if name == "mlqa" else LANGUAGES) for name in LAYOUTS},
    "bucc18": Dataset("bucc18", LANGUAGES[1:], (*SPLITS, *POOLS)),
    "tatoeba": Dataset("tatoeba", LANGUAGES[1:]),
    "lareqa": Dataset("lareqa"),
    "mewslix": Dataset("mewslix", (*LANGUAGES, searching.ENTITIES, searching.PAIRS)),
    "text": Dataset("text", (*LANGUAGES, "mixed")),
}

VERSIONS: Final[dict[str, int]] = {
    **dict.fromkeys(("anli", "snli", "mnli", "xnli", "qqp", "paws-x", "cosmos_qa", "commonsense_qa"), 2),
    **dict.fromkeys(("squad", "squad_v2", "xquad", "mlqa", "tydiqa", "lareqa"), 2),
    **dict.fromkeys(("udpos", "panx", "ccg", "tatoeba", "bucc18", "mewslix"), 2),
}
"""Raised whenever rows of a dataset change: a part of the digest of all that is made from them. Else 1."""


def version(dataset: str) -> int:
    return VERSIONS.get(dataset, 1)


def _known(what: str, name: str, names: Iterable[str]) -> str:
    """`name` if there is such; otherwise an error that says which was probably meant."""
    names = tuple(names)
    if name in names:
        return name
    near = get_close_matches(name, names, 1, cutoff=0)
    raise ValueError(f"the toy world has no {what} {name!r}; the nearest is {near[0]!r}")


def _is_told_in(split: str, told: str | list[str]) -> bool:
    """Whether each sentence of a column is one of this split."""
    sentences = told if isinstance(told, str) else " ".join(told)
    return all(is_told_in(split, sentence) for sentence in sentences.removesuffix(" .").split(" . "))


def _row(dataset: str, config: str, split: str, index: int) -> Row:
    layout, side = LAYOUTS[dataset], side_of_split(split)
    key: tuple[object, ...] = dataset, split, index
    if dataset in SHORT:
        while not _is_told_in(split, layout(stream(*key), side, "en", index)[SHORT[dataset]]):
            key = *key, "again"
    return layout(stream(*key), side, config, index)


def _endless(dataset: str, config: str, split: str) -> Iterator[Row]:
    side = side_of_split(split)
    if dataset == "text":
        return (pretraining.row(config, split, index) for index in count())
    if dataset == "tatoeba":
        return retrieval.tatoeba(split, config)
    if dataset in SEARCHES:
        return SEARCHES[dataset](side, split, config)
    if split in POOLS:
        return retrieval.bucc_pool(split.removeprefix("pool_"), config)
    if dataset == "bucc18":
        return retrieval.bucc(split, config)
    return (_row(dataset, config, split, index) for index in count())


def rows(dataset: str, config: str, split: str, limit: int) -> Iterator[Row]:
    """The first `limit` rows of a split; row i says the same in every config."""
    known = DATASETS[_known("dataset", dataset, DATASETS)]
    _known(f"config of {dataset}", config, known.configs)
    _known(f"split of {dataset}", split, known.splits)
    return islice(_endless(dataset, config, split), limit)
