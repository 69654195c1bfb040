"""How a pushed module is loaded, here and by the library whose layout it has."""

import json

from xadapt.hub.address import Address
from xadapt.hub.bundle import Bundle
from xadapt.hub.facts import Base
from xadapt.hub.metadata import library
from xadapt.stages.train import slug


def text(bundle: Bundle, address: Address, ground: Base) -> str:
    """With xadapt, then with the other library."""
    digest = bundle.stages[""].digest[:12]
    own = f'xadapt pull {address.path}\nxadapt predict {digest} --text "..."'
    stated = "Every file is checked against `record.json`, and lies in the store under its own digest:"
    return f"{stated}\n\n```\n{own}\n```\n\n{_library(bundle, address, ground)}"


def _library(bundle: Bundle, address: Address, ground: Base) -> str:
    kind = library(bundle.stages[""])
    if kind == "xadapt":
        return "No other library computes this combination; its parts load as their own folders say."
    if kind == "transformers":
        lines = [
            "from transformers import AutoModel",
            "",
            f'model = AutoModel.from_pretrained("{_id(address)}")',
        ]
        return _python("`transformers`", lines)
    return _peft(bundle, address, ground) if kind == "peft" else _adapters(bundle, address, ground)


def _python(name: str, lines: list[str]) -> str:
    return f"With {name}:\n\n```python\n" + "\n".join(lines) + "\n```"


def _id(address: Address) -> str:
    """What the libraries take: a hub id, or the path of a folder."""
    return address.folder or address.path


def _base(ground: Base) -> str:
    """The arguments that load the encoder."""
    if ground.on_hub:
        return f'"{ground.name}", revision="{ground.revision}"'
    return f'"{ground.name}"'


def _peft(bundle: Bundle, address: Address, ground: Base) -> str:
    lines = [
        "from peft import PeftModel",
        "from transformers import AutoModel",
        "",
        f"base = AutoModel.from_pretrained({_base(ground)})",
        f'model = PeftModel.from_pretrained(base, "{_id(address)}")',
    ]
    for folder, name in _parts(bundle):
        lines.append(f'model.load_adapter("{_id(address)}", adapter_name="{name}", subfolder="{folder}")')
    if active := [name for _, name in _parts(bundle)]:
        lines.append(f"model.base_model.set_adapter({json.dumps(['default', *active])})")
    made = _python("`peft`", lines)
    return f"{made}\n\nThe head is in `model_head.safetensors`, in the layout of `adapters`."


def _adapters(bundle: Bundle, address: Address, ground: Base) -> str:
    form = str(bundle.stages[""].fields.get("base", {}).get("type", ""))
    start = f"model = AutoAdapterModel.from_pretrained({_base(ground)})"
    parts = _parts(bundle)
    if not parts:
        load = f'model.load_adapter("{_id(address)}", use_safetensors=True, set_active=True)'
        return _python("`adapters`", ["from adapters import AutoAdapterModel", "", start, load])
    place = "folder" if address.on_hub else f'"{_id(address)}"'
    lines = ["from adapters import AutoAdapterModel", f"from adapters.composition import {form}"]
    lines += ["from huggingface_hub import snapshot_download"] if address.on_hub else []
    lines += ["", start]
    lines += [f'folder = snapshot_download("{address.path}")'] if address.on_hub else []
    for folder, name in parts:
        inner = f"{{{place}}}/{folder}" if address.on_hub else f"{_id(address)}/{folder}"
        quoted = f'f"{inner}"' if address.on_hub else f'"{inner}"'
        lines.append(f'model.load_adapter({quoted}, load_as="{name}", use_safetensors=True, with_head=False)')
    names = ", ".join(f'"{name}"' for _, name in parts)
    if form == "Fuse":
        lines += [f"model.load_adapter_fusion({place}, use_safetensors=True)"]
        lines += [f"model.load_head({place}, use_safetensors=True)", f"model.active_adapters = Fuse({names})"]
    else:
        lines += [f"own = model.load_adapter({place}, use_safetensors=True)"]
        lines += [f"model.active_adapters = Stack({names}, own)"]
    return _python("`adapters`", lines)


def _parts(bundle: Bundle) -> list[tuple[str, str]]:
    """(folder, name) of the modules that a stack or a fusion runs; a training that continued runs none."""
    base = bundle.stages[""].fields.get("base", {})
    if base.get("type") not in ("Stack", "Fuse"):
        return []
    folders = {record.digest: folder for folder, record in bundle.stages.items()}
    digests = [str(part["digest"]) for part in base["parts"]]
    shelf = bundle.shelf
    return [(folders[each], slug(shelf.expression(each))) for each in digests if each in folders]
