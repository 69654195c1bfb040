"""The stages an experiment needs, in an order in which they can run."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from xadapt.errors import UnknownName
from xadapt.workflow.stage import Stage
from xadapt.workflow.store import Store

Fits = Callable[[Sequence[Stage]], bool]
"""Whether stages can run side by side: a pure function of them."""


@dataclass(frozen=True)
class Plan:
    """Each stage once, inputs first."""

    stages: tuple[Stage, ...]

    @classmethod
    def of(cls, goals: Iterable[Stage]) -> "Plan":
        """Everything `goals` need. A stage is an immutable value, so a cycle cannot be written."""
        order: dict[str, Stage] = {}

        def visit(stage: Stage) -> None:
            if stage.digest not in order:
                for needed in stage.inputs.values():
                    visit(needed)
                order[stage.digest] = stage

        for goal in goals:
            visit(goal)
        return cls(tuple(order.values()))

    @cached_property
    def by_digest(self) -> dict[str, Stage]:
        return {stage.digest: stage for stage in self.stages}

    def only(self, prefix: str) -> "Plan":
        """One stage by the start of its digest, with what it needs; UnknownName unless exactly one fits."""
        found = [stage for stage in self.stages if prefix and stage.digest.startswith(prefix.lower())]
        if len(found) != 1:
            count = len(found) or "no"
            hint = "give more of it" if found else "`xadapt report` shows the digests of this experiment"
            raise UnknownName(f"--only {prefix}: {count} stages of this experiment start so", hint)
        return Plan.of(found)

    def goals(self) -> Iterator[Stage]:
        """The stages that no other one needs."""
        needed = {digest for stage in self.stages for digest in stage.inputs}
        return (stage for stage in self.stages if stage.digest not in needed)

    def missing(self, store: Store) -> Iterator[Stage]:
        return (stage for stage in self.stages if stage not in store)

    def count(self) -> Counter[str]:
        return Counter(stage.kind for stage in self.stages)

    def served(self) -> Counter[str]:
        """By kind, how many goals are one or need one: many goals of few stages share them."""
        kinds: dict[str, frozenset[str]] = {}
        for stage in self.stages:
            kinds[stage.digest] = frozenset((stage.kind,)).union(*(kinds[digest] for digest in stage.inputs))
        return Counter(kind for goal in self.goals() for kind in kinds[goal.digest])

    @cached_property
    def ahead(self) -> dict[str, float]:
        """By digest, the work of the longest way from the start of a stage to the end of the plan."""
        after: dict[str, float] = {}
        for stage in reversed(self.stages):
            way = after.get(stage.digest, 0.0) + stage.work
            after[stage.digest] = way
            for needed in stage.inputs:
                after[needed] = max(way, after.get(needed, 0.0))
        return after

    def groups(self, together: int, fits: Fits | None = None) -> list[tuple[Stage, ...]]:
        """Stages that run in one call, in plan order: what `fits`, at most `together` of them or `most`.

        A pure function of the plan, never of timing or of what is finished, so that the same command
        puts the same stages side by side every time and a resumed run repeats the same arithmetic.
        Companions have one depth, so groups cannot wait for each other in a circle, and all of them are ready
        when what lies below that depth is done. Those that are alike come one after another.
        """
        families: dict[Hashable, dict[Hashable, list[Stage]]] = {}
        for stage in self.stages:
            key = stage.companions()
            own = stage.digest if key is None else (stage.kind, stage.depth, key)
            families.setdefault(own, {}).setdefault(stage.alike(), []).append(stage)
        groups: list[list[Stage]] = []
        for family in families.values():
            groups += _cut([stage for alike in family.values() for stage in alike], together, fits)
        place = {stage.digest: number for number, stage in enumerate(self.stages)}
        groups.sort(key=lambda group: min(place[stage.digest] for stage in group))
        return [tuple(group) for group in groups]


def _cut(companions: Sequence[Stage], together: int, fits: Fits | None) -> list[list[Stage]]:
    groups: list[list[Stage]] = [[]]
    for stage in companions:
        group = groups[-1]
        if len(group) >= (stage.most or together) or (group and fits and not fits([*group, stage])):
            groups.append(group := [])
        group.append(stage)
    return groups
