"""BUCC 2018: find the translations hidden in two collections of sentences (Zweigenbaum et al. 2018).

No training: sentence vectors are read from the intermediate module. Both collections are read in full, since
mining among the gold pairs alone would be no mining.
"""

from collections.abc import Iterable, Iterator

from xadapt.examples import Passage
from xadapt.task import Drop, Dropped, Placed, Row, Source, Task, text_of

LANGUAGES = ("de", "fr", "ru", "zh")
Side = dict[str, str]
"""Id -> sentence."""
Pairs = dict[tuple[str, str], Placed]
"""Id of a sentence and of its translation -> the row that says so."""


def gather(rows: Iterable[Placed], drop: Drop) -> Iterator[Passage]:
    """The foreign sentences as queries, the English ones as candidates, from either form of the data.

    In a folder: a file of each side, then one of gold pairs. On the hub: one row that holds all of it.
    """
    sides: tuple[Side, Side] = ({}, {})
    pairs: Pairs = {}
    for row in rows:
        if "sentence1" in row.row:
            _read_all(row, sides, pairs)
        elif row.source < 2:
            _read_sentence(row.row, sides[row.source])
        else:
            pairs[text_of(row.row["source_id"], "source_id"), text_of(row.row["target_id"], "target_id")] = (
                row
            )
    yield from _passages(sides, pairs, drop)


def _read_sentence(row: Row, side: Side) -> None:
    name = text_of(row["id"], "id")
    if name in side:
        raise ValueError(f"field 'id': {name!r} stands there twice")
    side[name] = text_of(row["sentence"], "sentence")


def _read_all(placed: Placed, sides: tuple[Side, Side], pairs: Pairs) -> None:
    """The hub's row: both sides as lists, gold as numbers from 1. Its sentences have no ids but these."""
    row = placed.row
    for side, column, kind in zip(sides, ("sentence1", "sentence2"), ("source", "target"), strict=True):
        sentences = enumerate(row[column], 1)
        side.update({f"{kind}-{number:09d}": text_of(sentence, column) for number, sentence in sentences})
    for first, second in row["gold"]:
        if not (1 <= first <= len(sides[0]) and 1 <= second <= len(sides[1])):
            raise ValueError(f"field 'gold': [{first}, {second}] is not from 1 to the number of sentences")
        pairs[f"source-{first:09d}", f"target-{second:09d}"] = placed


def _passages(sides: tuple[Side, Side], pairs: Pairs, drop: Drop) -> Iterator[Passage]:
    relevant: dict[str, list[str]] = {}
    for (source, target), row in pairs.items():
        if source in sides[0] and target in sides[1]:
            relevant.setdefault(source, []).append(target)
        else:
            drop(row, Dropped("gold pair of a sentence that is not there", bad=True))
    for name, sentence in sides[0].items():
        yield Passage(name, sentence, "query", tuple(relevant.get(name, ())))
    for name, sentence in sides[1].items():
        yield Passage(name, sentence, "candidate")


def _test(language: str) -> tuple[Source, ...]:
    """BUCC's training set, which is XTREME's test set; on the hub its three parts are one row."""
    return tuple(
        Source(path="mteb/BUCC", config=f"{language}-en", split="test", local=f"bucc18/{language}/{part}")
        for part in ("pool_source", "pool_target", "validation")
    )


def _tune(language: str) -> tuple[Source, ...]:
    """BUCC's sample set, which is XTREME's development set: no copy of it is on the hub."""
    return tuple(
        Source(path="", config=f"{language}-en", split="dev", local=f"bucc18/{language}/{part}")
        for part in ("dev_source", "dev_target", "dev")
    )


TASK = Task(
    name="bucc2018",
    title="Bitext mining",
    type="mining",
    metric="bitext_f1",
    role="target",
    benchmarks=("xtreme",),
    languages=LANGUAGES,
    gather=gather,
    test=_test,
    tune=_tune,
    license="not stated",
    quirks="the threshold is set on the development set where a folder has one; elsewhere, and always on the "
    "hub, each half of the foreign sentences is scored with the threshold that is best on the other half; "
    "hub rows have no ids, so sentences are numbered from 1; no English",
)
