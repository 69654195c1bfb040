"""A stage is a value: its fields say what to do, its digest says where the result is kept."""

import dataclasses
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from xadapt.workflow.digest import as_before, canonical, digest_of, find

if TYPE_CHECKING:
    from xadapt.workflow.context import Context


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One cacheable unit of work.

    A subclass adds fields and `run`. Every field is part of the digest, so whatever does not change
    the output (a device, a path, a worker count) must not be a field; it is in the `Context`.
    """

    version: ClassVar[int] = 1
    """Raised when a code change alters the output; tests/test_versions.py forces the decision."""
    most: ClassVar[int | None] = None
    """How many companions run in one call, whatever a run asks for; None for what it asks for."""

    @property
    def kind(self) -> str:
        return type(self).__name__.lower()

    @cached_property
    def fields(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if not as_before(f, self)}

    @cached_property
    def inputs(self) -> "dict[str, Stage]":
        """The stages held by the fields, by digest."""
        return {stage.digest: stage for stage in find(tuple(self.fields.values()), Stage)}

    @cached_property
    def digest(self) -> str:
        return digest_of({"kind": self.kind, "version": self.version, "fields": canonical(self.fields)})

    @cached_property
    def depth(self) -> int:
        """How many stages lie below: companions of one depth can never need each other."""
        return 1 + max((stage.depth for stage in self.inputs.values()), default=0)

    @property
    def work(self) -> float:
        """Roughly how long it takes, in training examples: orders stages and says how long the rest takes."""
        return 20.0

    def title(self) -> str:
        """A few words for progress lines."""
        return self.kind

    def companions(self) -> Hashable | None:
        """Stages with an equal key may run in one `run_together`; None runs alone."""
        return None

    def alike(self) -> Hashable:
        """Among companions those with an equal one stand side by side first: they read the same batches."""
        return None

    def run(self, out: Path, context: "Context") -> dict[str, Any]:
        """Write the output into the folder `out`; read inputs with `context.store.path(stage)`.

        Returns facts for the record's notes (device, peak memory, counts of rows), as JSON data.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how it runs")

    @classmethod
    def run_together(
        cls, stages: "Sequence[Stage]", outs: Sequence[Path], context: "Context"
    ) -> dict[str, dict[str, Any]]:
        """Run companions at once and return the notes of each by digest; the outputs equal those of `run`."""
        return {stage.digest: stage.run(out, context) for stage, out in zip(stages, outs, strict=True)}
