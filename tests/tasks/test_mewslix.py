"""Mewsli-X: the three forms of its rows, and where they come from."""

from collections import Counter
from typing import Any

import pytest

from xadapt.examples import Passage
from xadapt.sources import origins, rows
from xadapt.stages.data import Counts
from xadapt.task import Placed, sources
from xadapt.tasks import task
from xadapt.tasks.mewslix import gather


def read(found: list[dict[str, Any]]) -> list[Passage]:
    return list(gather((Placed(0, "at", each) for each in found), Counts().drop))


def test_training_rows_are_pairs_and_an_entity_is_a_candidate_once() -> None:
    said = [("m1: { m1 } ran", "A man."), ("x { m2 }", "A city."), ("{ m3 }", "A man.")]
    found = read([{"mention": mention, "entity": entity} for mention, entity in said])
    assert [each.text for each in found if each.side == "candidate"] == ["A man.", "A city."]
    queries = [each for each in found if each.side == "query"]
    assert [each.text for each in queries] == [mention for mention, _ in said]
    assert queries[0].relevant == queries[2].relevant != queries[1].relevant


def test_test_rows_are_mentions_then_entities() -> None:
    mention = {"example_id": "e", "mention": "m: { m }", "entity_id": "Q7"}
    assert read([mention, {"entity_id": "Q7", "description": "A man."}]) == [
        Passage("e", "m: { m }", "query", ("Q7",)),
        Passage("Q7", "A man.", "candidate"),
    ]
    del mention["example_id"]
    assert read([mention])[0].id == "0"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"mention": 7, "entity_id": "Q1"}, "field 'mention': 7 is not text"),
        ({"mention": "m", "entity_id": 7}, "field 'entity_id': 7 is not text"),
        ({"mention": "m", "entity": None}, "field 'entity': None is not text"),
        ({"description": ["x"], "entity_id": "Q1"}, "field 'description': .* is not text"),
    ],
)
def test_a_bad_value_is_named(row: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read([row])


def test_every_mention_of_the_toy_world_has_its_entity_in_the_pool() -> None:
    what = task("mewslix")
    assert what.test
    for language in ("en", "qad"):
        places = origins(sources(what.test(language)), "toyworld", None, 50)
        found = list(gather(rows(places, None, Counter()), Counts().drop))
        pool = {each.id for each in found if each.side == "candidate"}
        queries = [each for each in found if each.side == "query"]
        assert len(pool) == len(queries) == 50 and {name for q in queries for name in q.relevant} == pool
        assert all(each.text.count("{") == 1 == each.text.count(":") for each in queries)
