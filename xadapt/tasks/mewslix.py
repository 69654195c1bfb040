"""Mewsli-X: the entity that a mention in a news article means, among a million described in 50 languages
(Ruder et al. 2021).

Trains on English Wikipedia.
"""

from collections.abc import Iterable, Iterator

from xadapt.examples import Passage
from xadapt.task import Drop, Placed, Source, Task, text_of

LANGUAGES = ("ar", "de", "en", "es", "fa", "ja", "pl", "ro", "ta", "tr", "uk")
REVISION = "7e3723faa15c6d84cfd56d66cf6cd347be8ad00e"


def gather(rows: Iterable[Placed], drop: Drop) -> Iterator[Passage]:
    """A row is an entity to be found, a mention with its entity beside it (training), or a mention alone."""
    described: dict[str, str] = {}
    for number, (_, _, row) in enumerate(rows):
        if "description" in row:
            description = text_of(row["description"], "description")
            yield Passage(text_of(row["entity_id"], "entity_id"), description, "candidate")
            continue
        mention = text_of(row["mention"], "mention")
        if "entity" in row:
            entity = text_of(row["entity"], "entity")
            if entity not in described:
                described[entity] = f"entity {len(described)}"
                yield Passage(described[entity], entity, "candidate")
            yield Passage(str(number), mention, "query", (described[entity],))
        else:
            name = text_of(row.get("example_id", str(number)), "example_id")
            yield Passage(name, mention, "query", (text_of(row["entity_id"], "entity_id"),))


def _parquet(config: str, split: str) -> Source:
    """What lies as tar files in the repository, the hub has as parquet on a branch of its own."""
    files = f"refs/convert/parquet:{config}/{split}/*.parquet"
    local = f"mewslix/{config}/{split}"
    return Source(path="izhx/mewsli-x", config=config, split=split, files=files, local=local)


def _test(language: str) -> tuple[Source, ...]:
    local = f"mewslix/{language}/test"
    mentions = Source(path="izhx/mewsli-x", revision=REVISION, config=language, split="test", local=local)
    return mentions, _parquet("candidate_entities", "test")


TASK = Task(
    name="mewslix",
    title="Entity linking from a multilingual pool",
    type="ranking",
    metric="mrr20",
    role="target",
    benchmarks=("xtreme-r",),
    languages=LANGUAGES,
    gather=gather,
    train=_parquet("wikipedia_pairs", "train"),
    dev=_parquet("wikipedia_pairs", "validation"),
    test=_test,
    license="Apache-2.0",
    quirks="a copy of the release of May 2022, whose numbers are not those of the paper; mentions stand as "
    "XTREME-R writes them, `MENTION: left { MENTION } right`; columns are those that izhx/nlu-evals reads, "
    "not seen from here; languages are predicted in one go, which encodes the million candidates once",
)
