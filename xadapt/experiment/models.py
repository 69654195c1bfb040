"""The model of an experiment before anything loads: where it lies, and what is in it."""

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from xadapt import models as families
from xadapt.recipe import ModelSpec
from xadapt.sources import local_model
from xadapt.sources import lock as locks
from xadapt.sources.lock import Lock


def planned(model: ModelSpec, lock: Lock) -> ModelSpec:
    """With what names its files: the digest of those in a folder, on the hub what the lock says.

    Raises DataError for a folder without weights.
    """
    if (folder := _folder(model)) is None:
        known = lock.model.get(locks.repository_key(model.name, model.revision))
        if known is None:
            return model
        return replace(model, revision=known.revision, files=locks.files(known.files))
    return replace(model, revision=local_model.content(folder))


def layers(model: ModelSpec) -> int | None:
    """How many the encoder has, where its config is on this machine."""
    found = families.config(model)
    return None if found is None else families.layers(found)


def room(model: ModelSpec) -> int | None:
    """How many tokens the longest sequence has, where its config is on this machine."""
    found = families.config(model)
    return None if found is None else families.room(found)


def _folder(model: ModelSpec) -> Path | None:
    if model.name == "toyworld":
        return Path(str(files("xadapt.toyworld") / "encoder"))
    return Path(model.folder) if model.folder is not None else None
