"""Finished stages as values again, from their records alone: no experiment file and no training data.

A record holds the fields of its stage in canonical form, from which the digest follows. What is made of them
here must give the same digest, so that nothing can be read as something else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xadapt import composition, recipe
from xadapt.declared import Declared
from xadapt.errors import ConfigError, IntegrityError, UnknownName
from xadapt.recipe import ModelSpec
from xadapt.sources.published import Published
from xadapt.stages.data import Dev
from xadapt.stages.encoder import Encoder
from xadapt.stages.merged import Merged
from xadapt.stages.mixture import Ingredient, Mixture
from xadapt.stages.predict import Predict
from xadapt.stages.train import Train
from xadapt.workflow.digest import canonical, digest_of
from xadapt.workflow.record import Record
from xadapt.workflow.stage import Stage
from xadapt.workflow.store import Store

STAGES: dict[str, type[Stage]] = {
    "train": Train,
    "mixture": Mixture,
    "merged": Merged,
    "encoder": Encoder,
    "predict": Predict,
}
MAKERS = ("train", "mixture", "merged")
"""The kinds of stages that make modules."""
VALUES: dict[str, type] = {
    value.__name__: value
    for value in (
        *(*composition.FORMS.values(), composition.WithText),
        *(recipe.Bottleneck, recipe.LoRA, recipe.Full, recipe.IA3, recipe.PrefixTuning, recipe.Compacter),
        *(recipe.Recipe, recipe.FusionSettings, recipe.Sampling, recipe.ModelSpec, recipe.Architecture),
        *(recipe.Reading, Declared, Dev, Ingredient),
    )
}
"""By the `type` that the canonical form of a value says."""


@dataclass(frozen=True)
class Known:
    """What is known by its digest alone, since nothing that answers needs more of it: data, scores."""

    digest: str
    kind: str


@dataclass(frozen=True)
class Places:
    """Where things lie that a record does not say."""

    base: Path | None = None
    """The folder of an encoder of the user's own."""
    published: Mapping[str, Published] = field(default_factory=dict)
    """Language adapters that were not trained here, by digest."""


def stage(digest: str, store: Store, places: Places) -> Any:
    """The finished stage whose digest starts so; one of no kind in `STAGES` is a `Known`.

    Raises UnknownName when it, or something that it stands on, is not in the store, ConfigError when a place
    is needed that is not given, IntegrityError for fields that this xadapt cannot read.
    """
    return _Reader(store, places).stage(store.record(digest))


@dataclass(frozen=True)
class _Reader:
    store: Store
    places: Places

    def stage(self, record: Record) -> Any:
        kind = STAGES.get(record.kind)
        if kind is None:
            return Known(record.digest, record.kind)
        place = f"{record.kind} {record.digest[:12]}"
        fields = {name: self.value(value, record, place) for name, value in record.fields.items()}
        try:
            made = kind(**fields)
        except TypeError as error:
            raise _unread(place, record) from error
        again = {"kind": made.kind, "version": record.version, "fields": canonical(made.fields)}
        if digest_of(again) != record.digest:
            raise _unread(place, record)
        # Of another version of its stage: what was made then is kept under the digest of then.
        vars(made)["digest"] = record.digest
        return made

    def value(self, value: Any, record: Record, place: str) -> Any:
        if isinstance(value, list):
            return tuple(self.value(item, record, place) for item in value)
        if not isinstance(value, dict):
            return value
        if value.keys() == {"digest"}:
            return self.below(value["digest"], record, place)
        inner = {name: self.value(item, record, place) for name, item in value.items() if name != "type"}
        if value.get("type") not in VALUES:
            raise _unread(place, record)
        try:
            made = VALUES[value["type"]](**inner)
        except TypeError as error:
            raise _unread(place, record) from error
        return self.placed(made, place) if isinstance(made, ModelSpec) else made

    def below(self, digest: str, record: Record, place: str) -> Any:
        """What a stage stands on: read as well where it is needed to run it."""
        kind = record.inputs.get(digest, "published")
        if kind == "published":
            return self.places.published.get(digest, Known(digest, kind))
        if kind not in STAGES:
            return Known(digest, kind)
        try:
            return self.stage(self.store.record(digest))
        except UnknownName as error:
            message = f"{place} stands on {kind} {digest[:12]}, which is not in the store {self.store.root}"
            raise UnknownName(message) from error

    def placed(self, model: ModelSpec, place: str) -> ModelSpec:
        """With its folder where it is a user's own: known by its content, with no files on the hub."""
        if model.name == "toyworld" or model.files or len(model.revision) != 64:
            return model
        if self.places.base is None:
            message = f"{place}: its encoder {model.name!r} is a local folder, which a record does not name"
            raise ConfigError(message, "give the folder of the encoder: --base FOLDER, in Python base=")
        return ModelSpec(name=model.name, revision=model.revision, folder=str(self.places.base))


def _unread(place: str, record: Record) -> IntegrityError:
    by = f"xadapt {record.packages.get('xadapt', 'of an unknown version')}"
    return IntegrityError(f"{place}: its record is of {by}, which this one cannot read", digest=record.digest)
