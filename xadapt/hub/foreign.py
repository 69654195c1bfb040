"""What others have published: a module in the layout of AdapterHub or PEFT, without a record of xadapt.

It has no digest of a stage, so it goes into a folder of its own, which `[languages] adapters` of an
experiment and `xadapt.modeling.formats.load_module` read. Its hashes are those that the hub tells.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from xadapt.errors import ConfigError, DataError, IntegrityError
from xadapt.hub.remote import Held, Remote
from xadapt.sources.published import PICKLE, SAVE_SAFE

CONFIGS = ("adapter_config.json", "adapter_fusion_config.json")
WEIGHTS = ("adapter.safetensors", "adapter_model.safetensors", "model_adapter_fusion.safetensors")
MORE = ("head_config.json", "model_head.safetensors", "README.md")


@dataclass(frozen=True)
class Foreign:
    """A module in a folder; `model` is the encoder that it says to be for."""

    folder: Path
    kind: str
    """`adapters` or `peft`."""
    model: str


def take(remote: Remote, there: Mapping[str, Held], folder: Path) -> Foreign:
    """The module at the root of the other side, in `folder`, which must not be there.

    Raises DataError for no such module or a pickle, IntegrityError naming the file for other bytes than
    announced or what is no JSON, ConfigError for a folder that is there.
    """
    names = [name for name in (*CONFIGS, *WEIGHTS, *MORE) if name in there]
    if not set(CONFIGS) & set(names) or not set(WEIGHTS) & set(names):
        raise _none(remote, there)
    if folder.exists():
        raise ConfigError(f"--output {folder}: is there already", "give another --output")
    scratch = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        remote.fetch(names, scratch)
        for name in names:
            if not there[name].is_(scratch / name):
                raise IntegrityError(f"{remote.at}/{name}: is not what was announced")
        found = _described(remote, scratch, folder)
        shutil.rmtree(scratch / ".cache", ignore_errors=True)
        scratch.replace(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return found


def _none(remote: Remote, there: Mapping[str, Held]) -> DataError:
    pickles = sorted(name for name in there if name.endswith(".bin"))
    if pickles:
        hint = SAVE_SAFE if PICKLE in pickles else "ask its owner for safetensors"
        return DataError(f"{remote.at}: {pickles[0]} is a pickle, which is never loaded", hint)
    needed = f"neither a record of xadapt nor {CONFIGS[0]} with {WEIGHTS[0]} or {WEIGHTS[1]}"
    return DataError(f"{remote.at}: has {needed}")


def _described(remote: Remote, scratch: Path, folder: Path) -> Foreign:
    name = next(name for name in CONFIGS if (scratch / name).is_file())
    try:
        facts = json.loads((scratch / name).read_text(encoding="utf-8"))
        kind = "peft" if "peft_type" in facts else "adapters"
        model = str(facts["base_model_name_or_path" if kind == "peft" else "model_name"])
    except (ValueError, LookupError, TypeError) as error:
        raise IntegrityError(f"{remote.at}/{name}: does not say what it is for ({error!r})") from error
    return Foreign(folder, kind, model)
