"""Rows and tokens of data: exact where they were read, else sizes of the task and the table of lengths."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from xadapt.errors import IntegrityError, XadaptError
from xadapt.forecast import searches
from xadapt.forecast.lengths import USUAL, Length, length
from xadapt.forecast.modules import recipe_of
from xadapt.forecast.searches import Given
from xadapt.recipe import Recipe
from xadapt.sources import Folder, Hub, Origin, Own, Toy
from xadapt.sources import folder as folders
from xadapt.stages.data import Data
from xadapt.stages.predict import Predict
from xadapt.stages.train import Train
from xadapt.tasks import task
from xadapt.workflow.record import Record
from xadapt.workflow.stage import Stage
from xadapt.workflow.store import Store

POOLED = ("retrieval", "ranking")
"""Task types that encode once what several languages share (`ONE_POOL` in task_types)."""

ROWS = {
    ("panx", "train"): 20_000,
    ("panx", "test"): 6_000,
    ("udpos", "train"): 21_253,
    ("udpos", "test"): 2_500,
    ("tatoeba", "test"): 900,
    ("tydiqa", "train"): 3_696,
    ("tydiqa", "test"): 600,
    ("mlqa", "test"): 6_500,
    ("text", "train"): 500_000,
}
"""Of tasks whose sizes are not verified: assumptions, of languages the mean."""
UNKNOWN = 10_000
LARGEST = 256 * 2**20
"""Bytes of a local file whose lines are counted."""


class Cut(NamedTuple):
    """Data as one kind of stage reads them."""

    data: str
    kind: str
    max_length: int
    stride: int


@dataclass(frozen=True)
class Amount:
    """Examples of one Data stage, and how long they are."""

    rows: int
    length: Length
    exact: bool = False
    """They were read or counted."""
    queries: int | None = None
    """Of these, in a search; the rest are its candidates."""

    @property
    def asked(self) -> int:
        """Rows that a prediction has an answer for."""
        return self.rows if self.queries is None else self.queries

    @property
    def searched(self) -> int:
        """Candidates of each; 0 where nothing is searched."""
        return self.rows - self.asked


class Rows(NamedTuple):
    """Of one source."""

    rows: int
    bytes: int
    counted: bool


@dataclass
class Reading:
    """What is known of data before a plan runs. Without a store nothing that has run is looked at."""

    store: Store | None = None
    folder: Path | None = None
    """Of `--data`."""
    _known: dict[str, Amount] = field(default_factory=dict)
    _seen: dict[Cut, tuple[float, float]] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    """By digest, why a record says nothing."""

    def learn(self, stages: Iterable[Stage], missing: Iterable[Stage]) -> None:
        """From records of what has run, what it read: the exact tokens of data that is to be read again."""
        store, wanted = self.store, {cut_of(stage) for stage in missing} - {None}
        if store is None or not wanted:
            return
        for stage in stages:
            cut = cut_of(stage)
            if cut is None or cut not in wanted or cut in self._seen or stage not in store:
                continue
            record = self._record(stage)
            if record is not None and (found := self._tokens(stage, record.notes)) is not None:
                self._seen[cut] = found

    def _record(self, stage: Stage) -> Record | None:
        """None where there is none, or none that can be read."""
        if self.store is None or stage not in self.store:
            return None
        try:
            return self.store.record(stage.digest)
        except IntegrityError as error:
            self.unreadable[stage.digest] = f"{stage.title()}: {error}"
            return None

    def _tokens(self, stage: Stage, notes: Mapping[str, Any]) -> tuple[float, float] | None:
        """(items, tokens of one); None where a loop counted those of several trainings, or only its end."""
        if isinstance(stage, Predict):
            if task(stage.task).type in (*POOLED, "mining"):
                # Its tokens are those that no other language had before it.
                return None
            return float(self.of(stage.data).rows), notes["tokens"] / self.of(stage.data).rows
        if not isinstance(stage, Train) or "together" in notes or notes.get("resumed_at_step"):
            return None
        recipe, many = stage.recipe, float(notes["items"])
        drawn = notes["steps"] * recipe.batch if recipe.steps is not None else many * recipe.epochs
        return many, notes["tokens"] / drawn

    def items(self, data: Data, recipe: Recipe, kind: str) -> tuple[float, float]:
        """(items, tokens of one) of the examples as a recipe cuts them; a batch counts items.

        `kind` is that of the stage which reads them, train or predict.
        """
        if (seen := self._seen.get(Cut(data.digest, kind, recipe.max_length, recipe.stride))) is not None:
            return seen
        what, amount = task(data.task), self.of(data)
        if what.type != "ranking":
            return items(amount, what.type, recipe)
        each = self._each(data, recipe)
        if kind == "train":
            # A query with what answers it (task_types/ranking.py).
            return float(amount.asked), each.queries + each.candidates
        tokens = amount.asked * each.queries + amount.searched * each.candidates
        return float(amount.rows), tokens / amount.rows

    def pooled(self, data: Data, recipe: Recipe) -> float:
        """Tokens, of all of these, that other languages search as well."""
        what, amount = task(data.task), self.of(data)
        if what.type == "ranking":
            return amount.searched * self._each(data, recipe).candidates
        # Of the public translations how many say the same in English is not known.
        toy = what.type == "retrieval" and isinstance(data.rows[0], Toy)
        return amount.rows * amount.length.cut(recipe.max_length) / 2 if toy else 0.0

    def _each(self, data: Data, recipe: Recipe) -> Given:
        """Tokens of a query and of a candidate."""
        amount, what, toy = self.of(data), task(data.task), isinstance(data.rows[0], Toy)
        share = searches.measured(what.name, _split(data), amount.asked / amount.rows, toy=toy)
        return searches.lengths(amount.length, share, recipe.max_length, what.name)

    def of(self, data: Data) -> Amount:
        if data.digest not in self._known:
            self._known[data.digest] = self._read(data) or self._before(data)
        return self._known[data.digest]

    def _read(self, data: Data) -> Amount | None:
        record = self._record(data)
        if record is None:
            return None
        rows = int(record.notes["kept"])
        size = record.sizes.get("examples.jsonl", 0) / max(1, rows)
        found = _scaled(_length(data), size)
        made = Amount(rows, replace(found, bytes=size or found.bytes), exact=True)
        if task(data.task).gather is None:
            return made
        before = self._before(data)
        return replace(made, queries=max(1, round(rows * before.asked / before.rows)))

    def _before(self, data: Data) -> Amount:
        counted = [self._rows(data, origin) for origin in data.rows]
        if task(data.task).gather is not None:
            return self._gathered(data, counted)
        rows = whole = sum(found.rows for found in counted)
        if data.limit is not None:
            rows = min(rows, data.limit)
        exact = all(found.counted for found in counted)
        size = sum(found.bytes for found in counted) / max(1, whole) if exact else 0.0
        return Amount(max(1, rows), _scaled(_length(data), size), exact)

    def _gathered(self, data: Data, counted: Sequence[Rows]) -> Amount:
        """Of rows that make several examples, or none; a limit leaves every candidate."""
        what, split = task(data.task), _split(data)
        toy = isinstance(data.rows[0], Toy)
        whole = searches.WHOLE.get((what.name, split), Given(UNKNOWN, UNKNOWN))
        found = searches.together(
            [
                searches.of_row(what.name, split, source, toy=toy).times(one.rows)
                if one.counted
                else whole.times(1 / len(counted))
                for source, one in enumerate(counted)
            ]
        )
        queries = max(1, round(found.queries if data.limit is None else min(data.limit, found.queries)))
        return Amount(queries + round(found.candidates), _length(data), toy, queries)

    def _rows(self, data: Data, origin: Origin) -> Rows:
        if isinstance(origin, Toy):
            return Rows(origin.size, 0, True)
        if (found := self._lines(origin)) is not None:
            return Rows(*found, True)
        return Rows(_stated(data) // len(data.rows), 0, False)

    def _lines(self, origin: Origin) -> tuple[int, int] | None:
        """(lines, bytes) of a local file of lines."""
        try:
            if isinstance(origin, Own):
                place = Path(origin.path)
            elif isinstance(origin, Folder) and self.folder is not None:
                place = folders.file(self.folder, origin.name)
            else:
                return None
            if place.suffix not in (".jsonl", ".txt", ".csv", ".tsv") or place.stat().st_size > LARGEST:
                return None
            head = place.suffix in (".csv", ".tsv")
            with place.open("rb") as file:
                return max(0, sum(1 for _ in file) - head), place.stat().st_size
        except (OSError, XadaptError):
            return None


def _scaled(found: Length, size: float) -> Length:
    """Of examples of a known size on disk: as many tokens for each byte as is usual for their type."""
    if not found.assumed or not size:
        return found
    tokens = tuple(max(3, round(each * size / found.bytes)) for each in found.tokens)
    return replace(found, tokens=tokens, bytes=size)


def _split(data: Data) -> str:
    first = data.rows[0]
    name = first.split if isinstance(first, Hub | Toy) else first.name if isinstance(first, Folder) else ""
    return "train" if "train" in name and not data.scored else "test"


def _stated(data: Data) -> int:
    """Of the public data set, whole."""
    what, split = task(data.task), _split(data)
    known = what.sizes and (what.sizes.train if split == "train" else what.sizes.test or what.sizes.dev)
    return known or ROWS.get((what.name, split), UNKNOWN)


def _length(data: Data) -> Length:
    what = task(data.task)
    if what.declared is not None:
        return USUAL[what.type]
    world = "toyworld" if isinstance(data.rows[0], Toy) else "real"
    return length(world, what.name, _split(data), what.type)


def items(amount: Amount, kind: str, recipe: Recipe) -> tuple[float, float]:
    """(items, tokens of one) of examples as a recipe cuts them; an item is what a batch counts."""
    if kind == "span":
        windows, tokens = amount.length.windows(recipe.max_length, recipe.stride)
        return amount.rows * windows, tokens / windows
    return float(amount.rows), amount.length.cut(recipe.max_length)


def cut_of(stage: Stage) -> Cut | None:
    """How a stage reads its data; None for one whose tokens are of several data."""
    if isinstance(stage, Predict) and stage.dev is None:
        recipe = recipe_of(stage.module)
    elif isinstance(stage, Train) and stage.dev is None:
        recipe = stage.recipe
    else:
        return None
    return Cut(stage.data.digest, stage.kind, recipe.max_length, recipe.stride)
