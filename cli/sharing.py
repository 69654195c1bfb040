"""What `push` and `pull` share: how they tell of waiting."""

import os
import sys
from collections.abc import Callable

from .output import note


def told(quiet: bool) -> Callable[[str], None]:
    """Shows a line of progress, unless `quiet`; bars of the client go to a terminal alone."""
    if quiet or not sys.stderr.isatty():
        # Read when the client is imported, which is later.
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    return _silent if quiet else note


def _silent(_: str) -> None:
    """No one wants to know."""
