"""Searches: how many queries and candidates rows give, and how long each are, before any are read."""

from collections.abc import Sequence
from typing import NamedTuple

from xadapt.forecast.lengths import Length


class Given(NamedTuple):
    """What a search reads, of one row or of all."""

    queries: float
    candidates: float

    def times(self, count: float) -> "Given":
        return Given(self.queries * count, self.candidates * count)


BLOCK = 10
"""Sentences that the toy world has for each pair that is hidden among them (toyworld/retrieval.py)."""
SENTENCES = 3
"""Of a paragraph of the toy world."""
PAIR, QUERY, CANDIDATE, GOLD = Given(1, 1), Given(1, 0), Given(0, 1), Given(0, 0)
ROW = {
    ("lareqa", "train"): (PAIR,),
    ("lareqa", "test"): (PAIR, CANDIDATE),
    ("mewslix", "train"): (PAIR,),
    ("mewslix", "test"): (QUERY, CANDIDATE),
    ("bucc2018", "test"): (QUERY, CANDIDATE, GOLD),
}
"""What a row of each source gives; the last one stands for all that follow. A paragraph has about as many
sentences as questions, in SQuAD as in XQuAD."""
WHOLE = {
    ("lareqa", "train"): Given(87_599, 90_000),
    ("lareqa", "test"): Given(1_190, 13_000),
    ("mewslix", "train"): Given(117_000, 117_000),
    ("mewslix", "test"): Given(1_000, 1_000_000),
    ("bucc2018", "test"): Given(310_000, 354_000),
}
"""Of the public data, of languages the mean: assumptions."""
LENGTHS = {("lareqa", "train"): 0.25, ("lareqa", "test"): 0.1}
TOY_LENGTHS = 0.25
"""Share of queries where the table of lengths was measured, on one language or the paragraphs of a slice."""
LONGER = ("mewslix",)
"""Whose queries are longer than what they search; elsewhere they are shorter."""


def of_row(task: str, split: str, source: int, *, toy: bool) -> Given:
    """Of a row of one source, by its place among them; of an unknown search a query and what answers it."""
    every = ROW.get((task, split), (PAIR,))
    one = every[min(source, len(every) - 1)]
    if toy and task == "lareqa":
        return Given(one.queries, SENTENCES * one.candidates)
    return one.times(BLOCK) if toy and task == "bucc2018" else one


def together(every: Sequence[Given]) -> Given:
    return Given(sum(one.queries for one in every), sum(one.candidates for one in every))


def measured(task: str, split: str, share: float, *, toy: bool) -> float:
    """Share of queries among what the table of lengths is of; that of the data where it is the same."""
    known = LENGTHS.get((task, split))
    return share if known is None else TOY_LENGTHS if toy else known


def lengths(found: Length, share: float, max_length: int, task: str) -> Given:
    """Mean tokens of a query and of a candidate, where so great a share of all are queries."""
    sizes = sorted((min(size, max_length) for size in found.tokens), reverse=task in LONGER)
    own = min(max(share, 0.01), 0.99) * len(sizes)
    whole = int(own)
    queries = sum(sizes[:whole]) + (own - whole) * sizes[whole]
    return Given(queries / own, (sum(sizes) - queries) / (len(sizes) - own))
