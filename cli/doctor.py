"""`xadapt doctor`"""

import shutil

from .options import DEFAULT_STORE, Json, StorePath
from .output import document, stdout

NEEDED = {
    "torch": "2.9",
    "transformers": "4.57.6",
    "adapters": "1.3.0",
    "peft": "0.17",
    "datasets": "4.0",
    "accelerate": "1.10",
    "tokenizers": "0.21",
}


def doctor(store: StorePath = DEFAULT_STORE, as_json: Json = False) -> int:
    """Check versions, device and disk, and say what to do about what is wrong.

    **Examples**

    `xadapt doctor`

    `xadapt doctor --json`
    """
    from importlib import metadata

    from packaging.version import Version

    from xadapt.errors import WrongEnvironment

    rows, wrong = [], []
    for package, needed in NEEDED.items():
        try:
            found = metadata.version(package)
        except metadata.PackageNotFoundError:
            found = None
        fine = found is not None and Version(found) >= Version(needed)
        if package == "transformers" and found is not None:
            fine = fine and Version(found) < Version("4.58")
        rows.append({"package": package, "found": found, "needed": needed, "ok": fine})
        if not fine:
            wrong.append(
                f"{package}: found {found}, needed {needed}; pip install -c constraints.txt {package}"
            )
    device = "none"
    if not wrong:
        import torch

        device = (
            torch.cuda.get_device_name()
            if torch.cuda.is_available()
            else f"cpu, {torch.get_num_threads()} threads"
        )
    place = next(path for path in (store.absolute(), *store.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free
    if as_json:
        document({"packages": rows, "device": device, "free_bytes": free, "ok": not wrong})
    else:
        out = stdout()
        for row in rows:
            out.print(
                f"{row['package']:13} {row['found']!s:12} needs {row['needed']:8} {'ok' if row['ok'] else 'WRONG'}"
            )
        out.print(f"device        {device}")
        out.print(f"free disk     {free / 1e9:.1f} GB at {store}")
        for line in wrong:
            out.print(line)
    return WrongEnvironment.code if wrong else 0
