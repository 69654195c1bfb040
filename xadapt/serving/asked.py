"""What answers: a finished stage as a module, with the head, recipe and task that it answers by."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from xadapt.composition import Composition
from xadapt.declared import Declared
from xadapt.errors import ConfigError, UnknownName, nearest
from xadapt.recipe import Pooling, Recipe
from xadapt.serving import recorded
from xadapt.serving.recorded import Known, Places
from xadapt.serving.rows import VECTORS
from xadapt.sources.published import Published
from xadapt.stages.merged import Merged
from xadapt.stages.mixture import Mixture
from xadapt.stages.predict import Predict
from xadapt.stages.train import Train, slug
from xadapt.tasks import task
from xadapt.workflow.record import Record
from xadapt.workflow.store import Store


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One module as it is to answer."""

    title: str
    module: Train | Mixture | Merged | Composition
    model: Any
    """A ModelSpec, or the Encoder stage that made the model."""
    kind: str
    """A task type."""
    task: str | Declared
    recipe: Recipe | None = None
    """How texts are cut; at full length where nothing was trained on the task."""
    layer: int | None = None
    """The layer after which vectors are read; the last when None."""
    pooling: Pooling | None = None
    """Of vectors; that of the recipe when None."""
    below: Train | Published | None = None
    """The language adapter that it was trained on."""
    snapshot: int | None = None
    heads: str = ""
    """Where the head lies below the folder of the module; only of a trained one."""

    @property
    def vectors(self) -> bool:
        return self.kind in VECTORS


@dataclass(frozen=True, kw_only=True)
class Vectors:
    """Sentence vectors in place of the module's own answers."""

    layer: int | None = None
    pooling: Pooling = "mean"


def asked(
    record: Record, store: Store, places: Places, of: str | None = None, vectors: Vectors | None = None
) -> Asked:
    """`of` is the task whose head of a mixture answers.

    Raises ConfigError for a stage that answers nothing, UnknownName for a task without a head.
    """
    if record.kind == "score":
        record = store.record(record.fields["predictions"]["digest"])
    if record.kind not in (*recorded.MAKERS, "predict"):
        raise ConfigError(f"{record.kind} {record.digest[:12]} is no module", "give the digest of a training")
    stage = recorded.stage(record.digest, store, places)
    found = _of_predict(stage, record) if isinstance(stage, Predict) else _of_module(stage, of, vectors)
    if isinstance(found.below, Known):
        message = (
            f"{found.title} stands on language adapter {found.below.digest[:12]}, which was not trained here"
        )
        raise ConfigError(message, "give its folder: --adapter LANGUAGE=FOLDER, in Python adapters={...}")
    if vectors is not None and isinstance(stage, Predict):
        return _read(stage.module, stage.model, found.title, vectors, stage.below)
    if found.kind == "mlm":
        raise ConfigError(
            f"{found.title} was trained on running text alone: it labels nothing",
            "--vectors reads sentence vectors, in Python vectors=Vectors()",
        )
    return found


def _of_predict(stage: Predict, record: Record) -> Asked:
    """The module as a number of the report has it, read by its task."""
    kind, reading = task(stage.task).type, stage.reading
    return Asked(
        title=stage.title(),
        module=stage.module,
        model=stage.model,
        kind=kind,
        task=stage.task,
        recipe=stage.module.recipe if isinstance(stage.module, Train) else None,
        layer=reading.layer if reading else None,
        pooling=reading.pooling if reading else None,
        below=stage.below,
        snapshot=record.notes.get("snapshot"),
    )


def _of_module(stage: Train | Mixture | Merged, of: str | None, vectors: Vectors | None) -> Asked:
    if isinstance(stage, Merged):
        return _read(stage, stage.model, stage.title(), vectors or Vectors(), None)
    if vectors is not None:
        return _read(stage, stage.model, stage.title(), vectors, stage.below)
    if isinstance(stage, Mixture):
        part = _part(stage, of)
        name, recipe, heads = part.task, part.recipe, f"heads/{slug(part.task)}"
    else:
        _part(stage, of)
        name, recipe, heads = stage.task, stage.recipe, ""
    return Asked(
        title=stage.title(),
        module=stage,
        model=stage.model,
        kind=task(name).type,
        task=name,
        recipe=recipe,
        below=stage.below,
        heads=heads,
    )


def _part(stage: Train | Mixture, of: str | None) -> Any:
    """The ingredient, or the training itself, that has the head for a task."""
    parts: Sequence[Any] = stage.parts if isinstance(stage, Mixture) else (stage,)
    known = {str(part.task): part for part in parts}
    if of is None and len(known) == 1:
        return parts[0]
    if of is None:
        raise ConfigError(f"{stage.title()} has a head for each of {', '.join(known)}", "choose with --task")
    if of not in known:
        raise UnknownName(f"{stage.title()} has no head for {of!r}{nearest(of, known)}")
    return known[of]


def _read(module: Any, model: Any, title: str, how: Vectors, below: Train | Published | None) -> Asked:
    return Asked(
        title=title,
        module=module,
        model=model,
        kind="retrieval",
        task="",
        layer=how.layer,
        pooling=how.pooling,
        below=below,
    )
