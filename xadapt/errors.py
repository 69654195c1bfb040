"""What can go wrong, each with the exit code the command line ends with.

A message is one line that names the place, the value and the nearest valid one; `hint` says what to do.
"""

import errno
from collections.abc import Iterable
from difflib import get_close_matches
from textwrap import shorten
from typing import ClassVar
from unicodedata import normalize


class XadaptError(Exception):
    """Something the user can act on; anything else that escapes is a fault of ours (exit code 1)."""

    code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[type["XadaptError"], tuple[str, str]]:
        return type(self), (self.message, self.hint)


class ConfigError(XadaptError):
    """A command or an experiment file that does not say something meaningful."""

    code = 2


class UnknownName(XadaptError):
    """A task, language, method, model or digest that does not exist."""

    code = 3


class DataError(XadaptError):
    """Data that is missing, unreachable or malformed."""

    code = 4


class StageError(XadaptError):
    """An error that says which stage is at fault, by its `digest`; empty where that is not known."""

    def __init__(self, message: str, hint: str = "", digest: str = "") -> None:
        super().__init__(message, hint)
        self.digest = digest

    def __reduce__(self) -> tuple[type["XadaptError"], tuple[str, str, str]]:  # type: ignore[override]
        return type(self), (self.message, self.hint, self.digest)


class IntegrityError(StageError):
    """A stored file that is not what its record says; `digest` is of its stage."""

    code = 5


class DoesNotFit(XadaptError):
    """Not enough memory or disk."""

    code = 6


class DiskFull(DoesNotFit):
    """The disk of the store; going on with other stages would only fail again."""


class Unwritable(XadaptError):
    """A store or an output that cannot be written, for want of permission or of a folder to lie in."""

    code = 2


class TrainingFailed(StageError):
    """A loss or gradient that is not finite, or a weight that moved although it is frozen."""

    code = 7


class WrongEnvironment(XadaptError):
    """A package that is missing or of an unusable version."""

    code = 9


SOME_FAILED = 10
INTERRUPTED = 130
MOST_NAMES = 40
"""Known names that an error lists."""
LONGEST = 100
"""Characters of a value that an error shows."""


SCARCE = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "Cannot allocate memory",
    "_STATUS_ALLOC_FAILED",
    "CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate",
    "PT_DEVMEM Allocation failed",
)
"""What libraries say when memory is out: allocators of GPUs, MPS and CPUs, and the libraries of NVIDIA, which
take their work space beside the allocator of torch; and what torch says of a file that it cannot map."""


def is_out_of_memory(error: BaseException) -> bool:
    """On any device. By names and words, since torch may not be loaded."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    # So say libraries in Rust, safetensors among them, whose errors are of no kind of Python's.
    if f"(os error {errno.ENOMEM})" in str(error):
        return True
    if not isinstance(error, RuntimeError):
        return False
    named = any(each.__name__ == "OutOfMemoryError" for each in type(error).__mro__)
    return named or any(sign in str(error) for sign in SCARCE)


LESS = (
    "xadapt run --memory SIZE with what is free takes less at a time, frozen weights in 8 bit where it must; "
    "or fewer --workers and --together, a smaller model, --device cpu"
)
"""What can be done where memory is out."""


def out_of_memory(where: str, error: BaseException) -> DoesNotFit:
    """One line in the place of what a library said, and what can be done."""
    return DoesNotFit(f"{where}: out of memory ({reason(error)})", LESS)


def reason(error: BaseException) -> str:
    """The start of what an error says; its type where it says nothing."""
    return shorten(str(error).partition("\n")[0], 150, placeholder=" ...") or type(error).__name__


def nearest(value: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the closest known name, else the known names, the first of very many."""
    names = sorted(set(known))
    # Full-width letters and capitals look the same to a person.
    folded = {_folded(name): name for name in reversed(names)}
    if close := get_close_matches(_folded(value), folded, n=1, cutoff=0.6):
        return f"; did you mean {folded[close[0]]!r}?"
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f"; known are {', '.join(names[:MOST_NAMES])}{more}" if names else ""


def _folded(name: str) -> str:
    return normalize("NFKC", name).casefold()


def shown(text: str) -> str:
    """`text` quoted, cut where it would bury the message around it."""
    return repr(text if len(text) <= LONGEST else text[:LONGEST] + "...")
