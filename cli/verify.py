"""`xadapt verify`"""

from .options import DEFAULT_STORE, Json, StorePath
from .output import document, stdout


def verify(store: StorePath = DEFAULT_STORE, as_json: Json = False) -> int:
    """Check every record and file of a store; name what was changed.

    **Examples**

    `xadapt verify`

    `xadapt verify --store /data/runs --json`
    """
    from xadapt.errors import IntegrityError, UnknownName
    from xadapt.workflow.store import Store

    if not store.is_dir():
        raise UnknownName(f"{store}: no such store", "give it with --store")
    checked = list(Store(store).verify())
    wrong = [(digest, error) for digest, error in checked if error is not None]
    if as_json:
        changed = [{"digest": digest, "message": str(error)} for digest, error in wrong]
        document({"checked": len(checked), "changed": changed})
    else:
        out = stdout()
        for _, error in wrong:
            out.print(f"changed: {error}", markup=False)
        out.print(f"{len(checked)} stages checked, {len(wrong)} changed")
    return IntegrityError.code if wrong else 0
