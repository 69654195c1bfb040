"""Finished stages -> what the engine runs: an encoder with its tokenizer, modules, heads, examples."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import tokenizers
import torch
from accelerate import Accelerator

from xadapt import examples, models
from xadapt.composition import Alone, Composition, Continue, Fuse, Gate, Stack
from xadapt.errors import ConfigError, DataError
from xadapt.modeling import combined, formats, head_format, library_format, pretrained
from xadapt.modeling.assemble import Assembled, Slot
from xadapt.modeling.encoder import Encoder
from xadapt.modeling.library import LibraryAssembled, LibraryEncoder
from xadapt.modeling.module import Module
from xadapt.recipe import Full, LoRA, Method, ModelSpec, Recipe
from xadapt.sources.published import Published
from xadapt.stages.data import Data
from xadapt.stages.encoder import Encoder as EncoderStage
from xadapt.stages.merged import Merged
from xadapt.stages.mixture import Mixture
from xadapt.stages.train import Train, slug
from xadapt.task_types import task_type
from xadapt.tasks import task
from xadapt.training import manifest, probe
from xadapt.training.forwards import Forwards
from xadapt.training.held import Standing, held_in
from xadapt.training.precision import accelerator, frozen_dtype
from xadapt.workflow.context import Context

Maker = Train | Mixture | Merged
"""The stages that make modules."""


@dataclass(frozen=True)
class Place:
    """Where a pretrained encoder lies with its tokenizer, and what it is called."""

    model: tuple[str, str | None]
    """Folder or hub id, revision."""
    name: str


@dataclass(frozen=True)
class Base:
    """The frozen encoder where it runs, and its tokenizer."""

    encoder: Encoder
    tokenizer: tokenizers.Tokenizer
    placed: Accelerator
    name: str
    model: ModelSpec | EncoderStage | None = None
    """What it was loaded as."""
    memory: int | None = None
    """Bytes that may be used where it runs; None for what there is."""
    bits: int | None = None
    """8 or 4 where its matrices are quantised."""
    forwards: Forwards = field(default_factory=Forwards, compare=False)

    @property
    def family(self) -> models.Family:
        return models.known(self.encoder.config.model_type, f"model {self.name!r}")

    @property
    def engine(self) -> models.Engine:
        return "library" if isinstance(self.encoder, LibraryEncoder) else "fast"

    def assembled(self, slots: Sequence[Slot]) -> Assembled:
        """The modules of these slots, ready to run on the encoder."""
        if isinstance(self.encoder, LibraryEncoder):
            return LibraryAssembled(slots, self.encoder)
        return Assembled(slots, self.encoder.config).to(self.placed.device)


def place(model: ModelSpec | EncoderStage, context: Context) -> Place:
    if isinstance(model, EncoderStage):
        return Place((str(context.store.path(model)), None), f"encoder {model.digest[:12]}")
    return Place(pretrained.location(model), model.name)


def base(
    model: ModelSpec | EncoderStage,
    context: Context,
    own: "Train | Mixture | None" = None,
    method: Method | None = None,
    modules: Sequence[Standing] = (),
) -> Base:
    """Load the encoder of a stage, or its `own` after full training; kept until another one is asked for.

    Which engine runs it follows from the model and from the `method` of the modules on it. Finished `modules`
    get it in the bits that they were trained on, whatever the context would choose for new ones.
    """
    bits = held_in(modules, context)
    placed, found = accelerator(context.device, context.precision), place(model, context)
    weights = found.model if own is None else (str(context.store.path(own)), None)
    given = *weights, placed.device, frozen_dtype(placed)
    encoder: Encoder
    if models.engine(models.at(found.model[0], found.name), method.name if method else None) == "library":
        encoder, bits = pretrained.load_by_library(*given, found.name, isinstance(method, LoRA)), None
    else:
        encoder = pretrained.load(*given, bits)
    tokenizer = pretrained.tokenizer(*found.model)
    return Base(encoder, tokenizer, placed, found.name, model, context.memory, bits)


def check_defined(stage: Maker, composition: Composition) -> None:
    """Raise ConfigError, before a weight loads, for what no library does on the stage's model."""
    family = models.family(stage.model) if isinstance(stage.model, ModelSpec) else None
    method = method_of(stage)
    if method is None or models.engine(family, method.name) == "fast":
        return
    if why := models.refusal(family, method, composition, trains=True):
        raise ConfigError(f"{stage.title()}: {why}")


def method_of(module: Maker | Composition) -> Method | None:
    """Of the modules in it; None where there are none."""
    if isinstance(module, Train | Mixture):
        return module.recipe.method
    parts = module.merge.parts if isinstance(module, Merged) else module.parts
    return method_of(parts[0]) if parts else None


def whole(module: Maker | Composition) -> Train | Mixture | None:
    """The full training that `module` is or is read from; None for modules on a frozen encoder."""
    stage = module.parts[0] if isinstance(module, Composition) and len(module.parts) == 1 else module
    if isinstance(stage, Train | Mixture) and isinstance(stage.recipe.method, Full):
        return stage
    return None


def read(data: Data, context: Context) -> list[Any]:
    """The examples of a finished Data stage; DataError when there are none."""
    found = list(examples.read(context.store.path(data) / "examples.jsonl", task(data.task).type))
    if not found:
        raise DataError(f"{data.title()}: no examples")
    return found


def folder_of(stage: Maker, context: Context, snapshot: int | None = None) -> Path:
    """Where a finished stage keeps its module: that of its last step, or of one of an oracle's snapshots."""
    folder = context.store.path(stage)
    return folder if snapshot is None else snapshot_folder(folder, snapshot)


def snapshot_folder(folder: Path, snapshot: int) -> Path:
    """Below the folder of a stage, from 0."""
    return folder / "snapshots" / f"{snapshot:03}"


def trained(
    stage: Maker, ground: Base, context: Context, snapshot: int | None = None
) -> Module | combined.Combined:
    """What a finished stage made for this encoder; a combination comes with its parts.

    Raises IntegrityError when it is not what was trained: made of other parts, or on another encoder, or when
    its probe has another outcome.
    """
    found = _loaded(stage, ground, context, snapshot)
    if not isinstance(stage, Merged):
        folder = folder_of(stage, context, snapshot)
        manifest.check(folder, stage, ground.model)
        check_probe(folder, stage, ground, lambda: _probed(stage, found, ground, context))
    return found


def check_probe(
    folder: Path,
    stage: Train | Mixture,
    ground: Base,
    assembled: Callable[[], Assembled],
    heads: probe.Heads | None = None,
) -> None:
    """Raise IntegrityError when a finished stage, as it is loaded, makes something else of its probe."""
    probe.check(folder, (stage.title(), stage.digest), ground.encoder, assembled, ground.placed, heads or {})


def _probed(
    stage: Train | Mixture, found: Module | combined.Combined, ground: Base, context: Context
) -> Assembled:
    """What a stage trained, on all that lay below it."""
    return ground.assembled([over(stage.below, _slot(stage, found, ground, context), ground, context)])


def _loaded(stage: Maker, ground: Base, context: Context, snapshot: int | None) -> Module | combined.Combined:
    if whole(stage) is not None:
        raise ConfigError(f"{stage.title()} is a whole model, which only `continue` of full starts from")
    folder = folder_of(stage, context, snapshot)
    if isinstance(ground.encoder, LibraryEncoder) and not isinstance(stage, Merged):
        return library_format.load(folder, stage.recipe.method, ground.encoder, ground.name)
    host = formats.Host(ground.encoder.config, ground.name)
    if not isinstance(stage, Merged) and isinstance(stage.base, Fuse | Gate):
        parts = [single(part, ground, context) for part in stage.base.parts]
        return formats.load_combined(folder, stage.base.form, parts, part_names(stage.base), host)
    return formats.load_module(folder, host)


def over(below: Train | Published | None, slot: Slot, ground: Base, context: Context) -> Slot:
    """The slot on the language adapter `below`; as it is where there is none.

    Raises ConfigError for a model that the fast engine does not compute.
    """
    if below is None:
        return slot
    if ground.engine == "library":
        raise ConfigError(f"language adapters on {ground.name!r}: only the fast engine stacks modules")
    folder = below.place() if isinstance(below, Published) else context.store.path(below)
    language = formats.load_module(folder, formats.Host(ground.encoder.config, ground.name))
    return replace(slot, language=language)


def part_names(composition: Composition) -> list[str]:
    """What the parts of a combination are called in its folder."""
    return [slug(part.expression) for part in composition.parts]


def single(stage: Maker, ground: Base, context: Context) -> Module:
    """The module that a stage made. Raises DataError for a combination of several."""
    found = trained(stage, ground, context)
    if not isinstance(found, Module):
        raise DataError(
            f"{stage.title()} combines modules; only a single one can be a part of another composition"
        )
    return found


def check_length(recipe: Recipe, encoder: Encoder) -> None:
    """Raise ConfigError when a recipe asks for more tokens than the encoder has positions."""
    if recipe.max_length > (room := encoder.room):
        raise ConfigError(f"recipe max_length = {recipe.max_length}, the encoder has {room} positions")


def frozen(composition: Composition, ground: Base, context: Context) -> Composition:
    """The composition with its trained modules as leaves."""
    return composition.map(lambda stage: single(stage, ground, context))


def slot_of(module: Maker | Composition, ground: Base, context: Context, snapshot: int | None = None) -> Slot:
    """A finished target, or a composition read as it is, as one slot for prediction."""
    if whole(module) is not None:
        return Slot()
    if isinstance(module, Composition):
        return Slot(frozen(module, ground, context))
    return _slot(module, trained(module, ground, context, snapshot), ground, context)


def _slot(module: Maker, found: Module | combined.Combined, ground: Base, context: Context) -> Slot:
    base = Alone() if isinstance(module, Merged) else module.base
    if not isinstance(found, Module):
        return Slot(type(base)(found.parts), combined=found)
    return Slot(frozen(base, ground, context) if isinstance(base, Stack) else Alone(), own=found)


def new_slot(stage: Train | Mixture, ground: Base, context: Context, seed: int) -> Slot:
    """The slot that a training starts from; a full one has no module."""
    if whole(stage) is not None:
        return Slot()
    parts, config = frozen(stage.base, ground, context), ground.encoder.config
    if isinstance(parts, Fuse):
        combined.check_parts(parts.form, parts.parts)
        settings = stage.recipe.fusion
        return Slot(parts, combined=combined.Fusion.initial(parts.parts, config, seed, settings))
    if isinstance(parts, Gate):
        return Slot(parts, combined=combined.Gate.initial(parts.parts))
    if isinstance(parts, Continue):
        return Slot(Alone(), own=parts.parts[0])
    if isinstance(ground.encoder, LibraryEncoder):
        return Slot(parts, own=ground.encoder.initial(stage.recipe.method, seed))
    norms = ground.encoder.row_norms
    return Slot(parts, own=Module.initial(stage.recipe.method, config, seed, norms))


def load_head(stage: Train, encoder: Encoder, labels: Sequence[str], folder: Path) -> torch.nn.Module:
    """The head a Train stage saved. Raises IntegrityError when its labels are others or in another order."""
    kind = task(stage.task).type
    head = task_type(kind).head(encoder, labels, 0)
    head_format.load_head(folder, head, kind, labels)
    return head
