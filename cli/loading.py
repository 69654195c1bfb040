"""How `predict` and `export` load a module, by the options that they share."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from xadapt.errors import ConfigError

if TYPE_CHECKING:
    from xadapt.serving.asked import Vectors
    from xadapt.serving.loaded import Loaded


def load(
    module: str,
    store: Path,
    task: str | None,
    vectors: bool,
    layer: int | None,
    base: Path | None,
    adapters: Sequence[str] | None,
    device: str,
    precision: str = "auto",
) -> "Loaded":
    """The module of a command line. Raises ConfigError for options that mean nothing together."""
    how, given = _reading(vectors, layer), _named(adapters)
    from xadapt.serving import loaded

    return loaded.load(
        module,
        store,
        task=task,
        vectors=how,
        base=base,
        adapters=given,
        device=device,
        precision=precision,
    )


def _reading(vectors: bool, layer: int | None) -> "Vectors | bool":
    """How --vectors are read."""
    if layer is not None and not vectors:
        raise ConfigError("--layer says where --vectors are read", "add --vectors")
    from xadapt.serving.asked import Vectors

    return Vectors(layer=layer) if vectors else False


def _named(adapters: Sequence[str] | None) -> dict[str, str]:
    """What --adapter says: language -> place."""
    found = {}
    for said in adapters or ():
        name, _, place = said.partition("=")
        if not (name and place):
            raise ConfigError(f"--adapter {said!r}: expected LANGUAGE=FOLDER or LANGUAGE=DIGEST")
        found[name] = place
    return found
