"""`xadapt doctor`"""

import shutil

from .options import DEFAULT_STORE, Json, StorePath
from .output import document, stdout


def doctor(store: StorePath = DEFAULT_STORE, as_json: Json = False) -> int:
    """Check versions, device and disk, and say what to do about what is wrong.

    **Examples**

    `xadapt doctor`

    `xadapt doctor --json`
    """
    from xadapt import environment
    from xadapt.errors import WrongEnvironment

    packages = environment.packages()
    wrong = [package for package in packages if not package.ok]
    # What is wrong may well be torch itself, so it is loaded only where nothing is.
    device = "not looked for" if wrong else environment.device()
    place = next(path for path in (store.absolute(), *store.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free
    if as_json:
        rows = [vars(package) for package in packages]
        document({"packages": rows, "device": device, "free_bytes": free, "ok": not wrong})
    else:
        out = stdout()
        for package in packages:
            mark = "ok" if package.ok else "WRONG"
            out.print(f"{package.name:13} {package.found or '-':12} {mark:6} {package.needed}", markup=False)
        out.print(f"device        {device}", markup=False)
        out.print(f"free disk     {free / 1e9:.1f} GB at {store}", markup=False)
        for package in wrong:
            out.print(package.advice(), markup=False)
    return WrongEnvironment.code if wrong else 0
