"""What a disk refuses, in one clear line, whoever met it."""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from xadapt.errors import DiskFull, Unwritable, XadaptError

FULL = (errno.ENOSPC, errno.EDQUOT)
SYSTEM = re.compile(r"\(os error (\d+)\)")
"""How libraries in Rust (safetensors, tokenizers) say an error of the system; theirs are no OSError."""


@contextmanager
def writable(root: Path) -> Iterator[None]:
    """Turn a full or forbidden disk into one clear line; nothing that was finished is touched.

    Raises DiskFull or Unwritable.
    """
    try:
        yield
    except XadaptError:
        raise
    except OSError as error:
        # A stage reads other places too: what went wrong there is not the store's matter.
        if not _concerns(root, error.filename):
            raise
        if isinstance(error, PermissionError) or error.errno == errno.EROFS:
            message = f"no permission to write {error.filename or root}"
            raise Unwritable(message, "choose another --store") from error
        if error.errno not in FULL:
            raise
        raise _full(root, error.errno or 0) from error
    except Exception as error:
        said = SYSTEM.search(str(error))
        # These words name no place; but no one who only reads meets a full disk.
        if said is None or int(said[1]) not in FULL:
            raise
        raise _full(root, int(said[1])) from error


def _full(root: Path, number: int) -> DiskFull:
    free = shutil.disk_usage(root).free if root.exists() else 0
    return DiskFull(
        f"cannot write to {root}: {os.strerror(number)} ({free:,} bytes free)",
        "free some space or choose another --store, then run again: finished stages are kept",
    )


def _concerns(root: Path, name: Any) -> bool:
    """Whether `name`, None where the system did not say, lies in the store or is a folder above it."""
    if name is None:
        return True
    place, root = Path(str(name)).absolute(), root.absolute()
    return place == root or root in place.parents or place in root.parents
