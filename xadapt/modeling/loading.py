"""Weights of a model as transformers loads them: whole and of its config, or one clear error."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import transformers
from safetensors import SafetensorError

from xadapt.errors import DataError, IntegrityError


@contextmanager
def loading(name: str) -> Iterator[None]:
    """Around config and weights of the model `name`; transformers says nothing of weights that it leaves out.

    Raises DataError when something is not there, IntegrityError for weights that are broken or of another
    size.
    """
    before = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()
    try:
        yield
    except SafetensorError as error:
        raise IntegrityError(f"model {name!r}: its weights are not whole ({error})") from error
    except (OSError, TypeError, ValueError) as error:
        raise DataError(f"model {name!r} cannot be read: {str(error).splitlines()[0]}") from error
    except RuntimeError as error:
        raise IntegrityError(f"model {name!r}: its weights are not those of its config") from error
    finally:
        transformers.logging.set_verbosity(before)


def check_whole(name: str, info: Mapping[str, Any]) -> None:
    """Raise IntegrityError for missing weights: transformers fills them with random values and goes on."""
    if missing := sorted(info["missing_keys"]):
        raise IntegrityError(f"model {name!r}: {len(missing)} weights are missing, first {missing[0]!r}")
