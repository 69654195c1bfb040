"""What a card says of a module, read from records: its encoder, its data with their licences, its scores."""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from xadapt.errors import UnknownName
from xadapt.hub.carried import MISSING, Facts, Rows, Scored, unique
from xadapt.hub.modules import MAKERS, Shelf, own_tasks, task_name
from xadapt.tasks import task
from xadapt.workflow.record import Record

OWN = "Apache-2.0"
"""Licence of the rows that xadapt makes."""
COMMIT = re.compile("[0-9a-f]{40}")


@dataclass(frozen=True)
class Base:
    """The frozen encoder: `name` at `revision` on the hub, or one that is known by its content alone."""

    name: str
    revision: str
    on_hub: bool

    @property
    def described(self) -> str:
        if self.on_hub:
            return f"[{self.name}](https://huggingface.co/{self.name}) at revision `{self.revision}`"
        if self.name == "toyworld":
            return f"the one that ships with xadapt (content `{self.revision[:12]}`)"
        return f"`{self.name}`, which is not on the hub (content `{self.revision[:12]}`)"


def base(record: Record) -> Base:
    """The encoder of a module."""
    model = record.fields["model"]
    if "digest" in model:
        return Base("encoder", str(model["digest"]), False)
    name, revision = str(model["name"]), str(model["revision"])
    return Base(name, revision, COMMIT.fullmatch(revision) is not None)


def makers(record: Record, shelf: Shelf) -> list[Record]:
    """The module and every one that it was made of, as far as they are in the store."""
    below = (shelf.records.get(digest) for digest, kind in shelf.below(record) if kind in MAKERS)
    return [record, *(each for each in below if each is not None)]


def types(record: Record, shelf: Shelf) -> list[str]:
    """The types of the tasks that a module trains on, of a merge those of its parts."""
    own = own_tasks(record)
    if own:
        return list(dict.fromkeys(_type(each) for each in own))
    below = [shelf.records[digest] for digest in record.inputs if digest in shelf.records]
    return list(dict.fromkeys(kind for each in below for kind in types(each, shelf)))


def trained_on(record: Record, shelf: Shelf) -> list[Rows]:
    """The training data of a module and of all that it was made of, each place once."""
    found: dict[Rows, None] = {}
    for each in makers(record, shelf):
        for one, digest in _ingredients(each):
            found.update(dict.fromkeys(rows(one, digest, shelf)))
    return list(found)


def stated(data: Iterable[Rows], license: str) -> list[Rows]:
    """Each place once; what no record says is the author's own, where a licence of the module is given."""
    own = "its author's own" if license else MISSING
    return list(
        dict.fromkeys(replace(each, license=own) if each.license == MISSING else each for each in data)
    )


def _ingredients(record: Record) -> Iterator[tuple[Any, str]]:
    """(task, digest of its data) of everything that a stage trains on."""
    fields = record.fields
    for each in [fields] if "data" in fields else [*fields.get("parts", []), fields.get("text")]:
        if each is not None and "data" in each:
            yield each["task"], str(each["data"]["digest"])


def rows(of: Any, digest: str, shelf: Shelf) -> list[Rows]:
    """Where a Data stage read; of one that is not in the store, what was pulled with the module."""
    name, record = task_name(of), shelf.records.get(digest)
    if record is None and digest in shelf.told.rows:
        return [replace(each, task=name) for each in shelf.told.rows[digest]]
    if record is None:
        return [Rows(name, f"data `{digest[:12]}`, as the record of the module says", license=_license(of))]
    given = record.fields["rows"]
    places = given if isinstance(given, list) else [given]
    kept, limit = record.notes.get("kept"), record.fields.get("limit")
    return [_rows(of, place, kept if len(places) == 1 else None, limit) for place in places]


def _rows(of: Any, place: Any, kept: int | None, limit: int | None) -> Rows:
    name, license = task_name(of), _license(of)
    if place["type"] == "Toy":
        what = f"toy world {place['dataset']}/{place['config']}/{place['split']}, version {place['version']}"
        return Rows(name, f"{what}, made by xadapt", kept=kept, limit=limit, license=OWN)
    if place["type"] == "Hub":
        config, split = str(place["config"]), str(place["split"])
        return Rows(
            name,
            f"[{place['path']}](https://huggingface.co/datasets/{place['path']}) {config} {split}",
            str(place["path"]),
            config,
            split,
            str(place["revision"]),
            kept,
            limit,
            license,
        )
    where = str(place.get("name", "a file")) + f", SHA-256 `{str(place['sha256'])[:12]}`"
    return Rows(name, where, kept=kept, limit=limit, license=license)


def _license(of: Any) -> str:
    """Of the data of a task of xadapt; a task of the user's own has one that only the user knows."""
    if isinstance(of, dict):
        return MISSING
    try:
        return task(str(of)).license or MISSING
    except UnknownName:
        return MISSING


def _type(of: Any) -> str:
    return str(of["kind"]) if isinstance(of, dict) else task(str(of)).type


def scores(record: Record, shelf: Shelf, among: Collection[str] | None = None) -> list[Scored]:
    """The scores of a module, those of its store and those that were pulled with it, by task, English first.

    `among` are the digests of those that count, where not all do.
    """
    found = []
    for each in shelf.records.values() if among is None else map(shelf.records.__getitem__, among):
        if each.kind == "score" and (made := _prediction(each, shelf)) and _reads(made, record.digest):
            found.append(_scored(shelf.checked(each), made, shelf))
    if among is None:
        found = list(unique((*found, *shelf.told.scores.get(record.digest, ()))))
    return sorted(found, key=lambda one: (one.task, one.test, one.language != "en", one.language, one.digest))


def mean(scores: Sequence[Scored]) -> tuple[float, int] | None:
    """(mean, number of languages) without English, unless English is all there is; of one test alone.

    None where a language has several scores: they are of different test data, or read in different ways.
    """
    found = [each for each in scores if each.language != "en"] or scores
    languages = {each.language for each in found}
    if len(languages) < len(found):
        return None
    return sum(each.value for each in found) / len(found), len(languages)


def tests(scores: Iterable[Scored]) -> dict[str, list[Scored]]:
    """By the name of the test: the task, and what tells its test data from others."""
    found: dict[str, list[Scored]] = {}
    for each in scores:
        found.setdefault(", ".join(filter(None, (each.task, each.test))), []).append(each)
    return found


def carried(made: Sequence[Record], shelf: Shelf, among: Collection[str] | None = None) -> Facts:
    """What cards say of the data and, where these do not go with them (`among`), the scores of modules."""
    found = Facts()
    for record in made:
        own = scores(record, shelf, among)
        # The places of test data, for a card of scores that are pulled without them.
        found.rows.update({each.data: (each.rows,) for each in own})
        if own and among is None:
            found.scores[record.digest] = tuple(own)
    for record in made:
        found.rows.update({digest: tuple(rows(of, digest, shelf)) for of, digest in _ingredients(record)})
    return found


def _prediction(score: Record, shelf: Shelf) -> Record | None:
    return shelf.records.get(str(score.fields["predictions"]["digest"]))


def _reads(made: Record, digest: str) -> bool:
    """Whether predictions are those of one module, trained or read as it is."""
    module = made.fields.get("module", {})
    parts = [part.get("digest") for part in module.get("parts", [])]
    return bool(module.get("digest") == digest or parts == [digest])


def _scored(score: Record, made: Record, shelf: Shelf) -> Scored:
    of, data = score.fields["task"], str(made.fields["data"]["digest"])
    facts = json.loads((shelf.folder(score) / "score.json").read_text(encoding="utf-8"))
    place = rows(of, data, shelf)[0]
    return Scored(
        task=task_name(of),
        type=_type(of),
        language=str(made.fields["language"]),
        metric=str(facts["metric"]),
        value=float(facts["value"]),
        n=int(facts["n"]),
        rows=place,
        digest=score.digest,
        data=data,
        test=_test(score, made, place),
        at_chance=bool(facts.get("at_chance")),
    )


def _test(score: Record, made: Record, place: Rows) -> str:
    """What two tests of a task differ in, but for the language."""
    reading = made.fields.get("reading") or {}
    said = {
        "limit": place.limit,
        **{name: value for name, value in reading.items() if name != "type"},
        "selected on": made.fields.get("dev") and "development data",
        "threshold of": score.fields.get("tuned_on") and "development data",
    }
    return ", ".join(f"{name} {value}" for name, value in said.items() if value)
