"""Which field of a row an error is about, also where the error itself does not say."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from xadapt.errors import nearest

FAULTS = (LookupError, ValueError, TypeError, AttributeError)
"""What a task raises at a row of another form than it reads."""
OURS = ("field ", "no column")
"""How messages of tasks begin, which name what is wrong themselves."""
SHOWN = 80
"""Characters of a value in a message."""


class Watched(dict[str, Any]):
    """A row that remembers the field that was read last."""

    last = ""

    def __getitem__(self, field: str) -> Any:
        self.last = field
        return super().__getitem__(field)

    def get(self, field: str, default: Any = None) -> Any:
        self.last = field
        return super().get(field, default)

    def fault(self, error: Exception) -> str:
        """What is wrong with the row: field and value, or the nearest field to one that is missing."""
        said = str(error)
        if not self.last or said.startswith(OURS):
            return said
        if self.last not in self:
            return f"field {self.last!r} is missing{nearest(self.last, self)}"
        why = f"it has no {said}" if isinstance(error, KeyError) else said
        return f"field {self.last!r}: {_short(self[self.last])} cannot be read ({why})"


def fault(
    read: Callable[[Mapping[str, Any], str], object], row: Mapping[str, Any], name: str, error: Exception
) -> str:
    """What is wrong with `row`, at which `read` raised `error`: it is read once more, watched."""
    watched = Watched(row)
    with suppress(*FAULTS):
        read(watched, name)
    return watched.fault(error)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
