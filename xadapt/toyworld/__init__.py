"""The toy world: one grammar of meanings, said in English and in five invented languages.

    rows("xnli", "qab", "test", limit=400)

gives rows with the columns of the real dataset, whose labels follow from the meaning and so hold in every
language. See `datasets` for what there is, `partition` for what is kept for evaluation.
"""

from xadapt.toyworld.datasets import DATASETS, Dataset, rows, version
from xadapt.toyworld.dialects import LANGUAGES

__all__ = ["DATASETS", "LANGUAGES", "Dataset", "rows", "tested", "version"]


def tested(kind: str) -> tuple[str, ...]:
    """Test languages of a task of this type: what is searched for its English translation is not English."""
    return tuple(code for code in LANGUAGES if code != "en" or kind not in ("retrieval", "mining"))
