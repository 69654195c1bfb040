"""Zero-shot cross-lingual transfer through English intermediate tasks, on a frozen encoder.

An experiment file names a model, recipes, tasks and compositions. It expands to a plan of stages -
data, train, predict, score - each kept in a store under the digest of its inputs. A report is a
table of scores, each carrying the digest it came from.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xadapt.serving.loaded import Loaded

__version__ = "0.1.0"


def load(module: Any, store: Any = None, **options: Any) -> "Loaded":
    """A finished module, ready to `predict`; see `xadapt.serving.loaded.load` for its options.

    `module` is a folder of a store, or the start of a digest or a name in `store` (`runs` when not given).
    """
    # The engine loads torch, which the command line does without.
    from xadapt.serving.loaded import load

    return load(module, store, **options)
