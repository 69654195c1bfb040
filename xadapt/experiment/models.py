"""The model of an experiment before anything loads: where it lies, and which weights it has."""

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from xadapt import models as families
from xadapt.errors import DataError
from xadapt.recipe import ModelSpec
from xadapt.sources import lock as locks
from xadapt.sources.lock import Lock
from xadapt.workflow.record import file_sha256


def planned(model: ModelSpec, lock: Lock) -> ModelSpec:
    """With what names its weights: their SHA-256 in a folder, on the hub what the lock says.

    Raises DataError for a folder without weights.
    """
    if (folder := _folder(model)) is None:
        known = lock.model.get(locks.repository_key(model.name, model.revision))
        if known is None:
            return model
        return replace(model, revision=known.revision, files=locks.files(known.files))
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise DataError(f"model {model.name!r}: {weights} does not exist")
    return replace(model, revision=file_sha256(weights))


def layers(model: ModelSpec) -> int | None:
    """How many the encoder has, where its config is on this machine."""
    found = families.config(model)
    return None if found is None else families.layers(found)


def _folder(model: ModelSpec) -> Path | None:
    if model.name == "toyworld":
        return Path(str(files("xadapt.toyworld") / "encoder"))
    return Path(model.folder) if model.folder is not None else None
