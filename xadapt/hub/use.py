"""How a pushed module is loaded, here and by the library whose layout it has."""

import json

from xadapt.hub.address import Address
from xadapt.hub.bundle import Bundle
from xadapt.hub.facts import Base
from xadapt.hub.metadata import library
from xadapt.hub.modules import own_tasks, task_name
from xadapt.stages.train import slug

_Named = list[tuple[str, str]]
"""(folder, name) of modules."""


def text(bundle: Bundle, address: Address, ground: Base) -> str:
    """With xadapt, then with the other library."""
    stated = "Every file is checked against `record.json`, and lies in the store under its own digest:"
    pulled = f"```\nxadapt pull {address.path}\n{_ask(bundle)}\n```"
    missing = (
        ""
        if ground.on_hub
        else "\n\n`ENCODER` stands for the folder of the encoder, which is not on the hub."
    )
    made = _library(bundle, address, ground)
    return f"{stated}\n\n{pulled}\n\n{_below(bundle, address)}{made}{missing if 'ENCODER' in made else ''}"


def _ask(bundle: Bundle) -> str:
    """The command that uses it; a language adapter answers nothing."""
    record = bundle.stages[""]
    digest = record.digest[:12]
    if record.fields.get("language"):
        return f"xadapt explain {digest}"
    language = " --language en" if record.fields.get("below") else ""
    if record.kind == "merged":
        return f"xadapt predict {digest}{language} --vectors --file sentences.txt --output vectors.npy"
    tasks = own_tasks(record)
    head = f" --task {task_name(tasks[0])}" if len(tasks) > 1 else ""
    return f'xadapt predict {digest}{head}{language} --text "..."'


def _below(bundle: Bundle, address: Address) -> str:
    """How an experiment puts a language adapter below its modules; empty of everything else."""
    code = bundle.stages[""].fields.get("language")
    if not code:
        return ""
    given = f'{{ hub = "{address.path}" }}' if address.on_hub else f'"{_id(address)}"'
    lines = f"```toml\n[languages]\nadapters = {{ {code} = {given} }}\n```"
    return f"In an experiment it stands below every module, for texts of its language:\n\n{lines}\n\n"


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
    below = bundle.stages[""].fields.get("below")
    if below and not _language(bundle):
        return f"It stands on a language adapter that is not here (content `{below['digest'][:12]}`)."
    if kind == "peft" and below:
        return "It stands on a language adapter, which `peft` has no place for."
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
    return '"ENCODER"'


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
    start = f"model = AutoAdapterModel.from_pretrained({_base(ground)})"
    language, parts = _language(bundle), _parts(bundle)
    if not language and not parts:
        load = f'model.load_adapter("{_id(address)}", use_safetensors=True, set_active=True)'
        return _python("`adapters`", ["from adapters import AutoAdapterModel", "", start, load])
    fused = bundle.stages[""].fields["base"]["type"] == "Fuse"
    forms = [form for form, wanted in (("Fuse", fused), ("Stack", language or not fused)) if wanted]
    lines = ["from adapters import AutoAdapterModel", f"from adapters.composition import {', '.join(forms)}"]
    lines += ["from huggingface_hub import snapshot_download"] if address.on_hub else []
    lines += ["", start]
    lines += [f'folder = snapshot_download("{address.path}")'] if address.on_hub else []
    lines += [_part(address, folder, name) for folder, name in (*language, *parts)]
    return _python("`adapters`", [*lines, *_active(address, fused, language, parts)])


def _part(address: Address, folder: str, name: str) -> str:
    """The line that loads what lies below `parts`."""
    place = f'f"{{folder}}/{folder}"' if address.on_hub else f'"{_id(address)}/{folder}"'
    return f'model.load_adapter({place}, load_as="{name}", use_safetensors=True, with_head=False)'


def _active(address: Address, fused: bool, language: _Named, parts: _Named) -> list[str]:
    """The lines that load the module itself and put it over the others."""
    place = "folder" if address.on_hub else f'"{_id(address)}"'
    below, names = [f'"{name}"' for _, name in language], [f'"{name}"' for _, name in parts]
    if not fused:
        top = ", ".join([*below, *names, "own"])
        return [
            f"own = model.load_adapter({place}, use_safetensors=True)",
            f"model.active_adapters = Stack({top})",
        ]
    top = f"Fuse({', '.join(names)})"
    top = f"Stack({', '.join(below)}, {top})" if below else top
    lines = [f"model.load_adapter_fusion({place}, use_safetensors=True)"]
    return [*lines, f"model.load_head({place}, use_safetensors=True)", f"model.active_adapters = {top}"]


def _language(bundle: Bundle) -> _Named:
    """The language adapter that a module was trained on, as `_parts` has them."""
    below = bundle.stages[""].fields.get("below") or {}
    return [
        (folder, f"language-{record.fields['language']}")
        for folder, record in bundle.stages.items()
        if record.digest == below.get("digest")
    ]


def _parts(bundle: Bundle) -> _Named:
    """(folder, name) of the modules that a stack or a fusion runs; a training that continued runs none."""
    base = bundle.stages[""].fields.get("base", {})
    if base.get("type") not in ("Stack", "Fuse"):
        return []
    folders = {record.digest: folder for folder, record in bundle.stages.items()}
    digests = [str(part["digest"]) for part in base["parts"]]
    shelf = bundle.shelf
    return [(folders[each], slug(shelf.expression(each))) for each in digests if each in folders]
