"""Published gains of intermediate training that stand beside ours: only figures that were read in a source.

Scores that others published stand with their benchmark (`xadapt.benchmarks`). The tables of the paper could
not be had word for word, so the means that its second version states are all there is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from xadapt.report.standing import Board, Standing

AS = (
    "Published: Phang et al. 2020 (arXiv 2005.13013v2), XLM-R Large, full fine-tuning, development sets, "
    "mean over their target tasks. Ours: test sets, the mean of the scores that both rows have."
)
ONE = {"squad": 8.2, "mnli": 7.5, "hellaswag": 7.0}
"""Intermediate task -> points over no intermediate task."""
ALL = 8.7
"""Multi-task training on all nine."""
NINE = {"anli_plus", "mnli", "qqp", "squad_v2", "squad", "hellaswag", "ccg", "cosmos_qa", "commonsense_qa"}


@dataclass(frozen=True)
class Beside:
    """A gain of ours and the published one of the same intermediate tasks, in points."""

    ours: Standing
    published: float


def gains(board: Board) -> Iterator[Beside]:
    """Of `continue` and `stack` over what they trained on; none where the encoder or the data are others."""
    for each in board.standings if board.published else ():
        published = _published(each.row.composition)
        if published is not None and each.gain is not None and each.row.selection != "oracle":
            yield Beside(each, published)


def _published(composition: str) -> float | None:
    found = re.fullmatch(r"(?:continue|stack)\((?:(\w+)|multitask\(([\w, ]+)\))\)", composition)
    if found is None:
        return None
    if found[1]:
        return ONE.get(found[1])
    return ALL if set(found[2].split(", ")) == NINE else None
