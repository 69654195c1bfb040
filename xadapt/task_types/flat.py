"""Encoded items as flat arrays on disk: written a block at a time, read as light views of mapped memory.

One file a column: token ids and types of all sequences one after another, where each sequence and each item
starts, and targets and details. An item is made when it is asked for, so that rows cost no memory.
"""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, overload

import numpy as np

from xadapt.task_types.items import Item, Tokens

FORMAT = 1
"""Raised when the files of the same items are others."""
COLUMNS = {
    "example": np.int32,
    "sequences": np.int64,
    "tokens": np.int64,
    "ids": np.int32,
    "typed": np.uint8,
    "types": np.uint8,
    "target": np.int32,
    "target_starts": np.int64,
    "detail": np.int32,
    "detail_starts": np.int64,
}
"""`sequences` and `tokens` are where each item and each sequence begin, and where the last ends; `typed` says
which sequences have types; targets and details are whole numbers."""
SHARED = ["shared"]
"""The form of a detail that is one and the same for all items, and is not written."""


def form(value: Any) -> list[Any]:
    """How a target or detail is laid out: all items of a file have one form. Raises TypeError."""
    if value is None:
        return ["none"]
    if type(value) is int:
        return ["int"]
    if isinstance(value, list | tuple) and all(type(each) is int for each in value):
        return [type(value).__name__]
    if isinstance(value, np.ndarray) and value.ndim and value.dtype.kind in "iu":
        return ["array", value.dtype.str, *value.shape[1:]]
    raise TypeError(f"{type(value).__name__} in an item: its targets and details are whole numbers")


class Writer:
    """Writes items into the files of a folder; memory is that of the items of one call."""

    def __init__(self, folder: Path, shared: bool) -> None:
        """`shared` says that all items have one detail, which is not written."""
        self._files: dict[str, BinaryIO] = {name: (folder / name).open("wb") for name in COLUMNS}
        self._forms: dict[str, list[Any]] = {"detail": SHARED} if shared else {}
        self._ends = dict.fromkeys(("sequences", "tokens", "target_starts", "detail_starts"), 0)
        self.items = 0
        for name in self._ends:
            self._put(name, [0])

    def add(self, items: Sequence[Item], first: int = 0) -> None:
        """Append items, `first` to be added to the numbers of their examples. Raises TypeError."""
        if not items:
            return
        sequences = [sequence for item in items for sequence in item.sequences]
        before = self._ends["tokens"]
        self._put("example", [item.example + first for item in items])
        self._put_ends("sequences", [len(item.sequences) for item in items])
        self._put_ends("tokens", [len(sequence) for sequence in sequences])
        self._put("ids", np.concatenate([sequence.ids for sequence in sequences]))
        self._put("typed", [sequence.types is not None for sequence in sequences])
        if any(sequence.types is not None for sequence in sequences):
            # What was skipped is a hole that reads as zeros: most tokenizers know no types at all.
            self._files["types"].seek(before)
            self._put("types", np.concatenate([_types(sequence) for sequence in sequences]))
        self._put_values("target", [item.target for item in items])
        self._put_values("detail", [item.detail for item in items])
        self.items += len(items)

    def close(self) -> dict[str, Any]:
        """Finish the files; returns what `Flat` has to know of them."""
        if self._files["types"].tell():
            self._files["types"].truncate(self._ends["tokens"])
        for file in self._files.values():
            file.close()
        return {"format": FORMAT, "items": self.items, "forms": self._forms}

    def _put(self, name: str, values: Any) -> None:
        self._files[name].write(np.asarray(values).astype(COLUMNS[name], copy=False).tobytes())

    def _put_ends(self, name: str, sizes: Sequence[int]) -> None:
        ends = np.cumsum(sizes) + self._ends[name]
        self._ends[name] = int(ends[-1])
        self._put(name, ends)

    def _put_values(self, name: str, values: Sequence[Any]) -> None:
        if (known := self._forms.get(name)) == SHARED:
            return
        found = form(values[0])
        if any(form(value) != found for value in values) or found != (known or found):
            raise TypeError(f"{name}s of several forms")
        self._forms[name] = found
        if found == ["int"]:
            self._put(name, _checked(values))
        elif found != ["none"]:
            self._put_ends(f"{name}_starts", [len(value) for value in values])
            array = found[0] == "array"
            self._put(name, _checked(np.concatenate(values) if array else list(chain(*values))))


def _types(sequence: Tokens) -> np.ndarray:
    return np.zeros(len(sequence), np.uint8) if sequence.types is None else sequence.types


def _checked(values: Any) -> np.ndarray:
    """Raises TypeError for a number beyond 32 bits."""
    found = np.asarray(values, dtype=np.int64)
    if found.size and max(found.max(), -found.min()) >= 2**31:
        raise TypeError("a number beyond 32 bits")
    return found


class Flat(Sequence[Item]):
    """The items of a folder; its files are mapped, not read."""

    def __init__(self, folder: Path, facts: dict[str, Any], shared: Any = None) -> None:
        """`shared` is the detail of all items where their writer was told that there is one."""
        self._columns = {name: _mapped(folder / name, np.dtype(kind)) for name, kind in COLUMNS.items()}
        self._forms: dict[str, list[Any]] = facts["forms"]
        self._count: int = facts["items"]
        self._shared = shared

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> list[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | list[Item]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        at = index + len(self) if index < 0 else index
        if not 0 <= at < len(self):
            raise IndexError(f"item {index} of {len(self)}")
        first, last = self._columns["sequences"][at : at + 2].tolist()
        sequences = tuple(map(self._sequence, range(first, last)))
        return Item(
            int(self._columns["example"][at]), sequences, self._value("target", at), self._value("detail", at)
        )

    @property
    def sizes(self) -> list[int]:
        """Tokens of each item."""
        found: list[int] = np.diff(self._columns["tokens"][self._columns["sequences"]]).tolist()
        return found

    def _sequence(self, number: int) -> Tokens:
        first, last = self._columns["tokens"][number : number + 2].tolist()
        typed = self._columns["typed"][number]
        return Tokens(self._columns["ids"][first:last], self._columns["types"][first:last] if typed else None)

    def _value(self, name: str, at: int) -> Any:
        how, *rest = self._forms.get(name, ["none"])
        if how in ("none", "shared"):
            return self._shared if how == "shared" else None
        if how == "int":
            return int(self._columns[name][at])
        first, last = self._columns[f"{name}_starts"][at : at + 2].tolist()
        if how == "array":
            dtype, *tail = rest
            row = int(np.prod(tail))
            return self._columns[name][first * row : last * row].astype(dtype).reshape(-1, *tail)
        found = self._columns[name][first:last].tolist()
        return tuple(found) if how == "tuple" else found


def _mapped(path: Path, dtype: np.dtype[Any]) -> np.ndarray:
    # An empty file cannot be mapped; a plain array is sliced several times faster than a `memmap`.
    return np.asarray(np.memmap(path, dtype, "r")) if path.stat().st_size else np.empty(0, dtype)


def sizes(items: Sequence[Item]) -> list[int]:
    """Tokens of each item, without making them where they lie flat."""
    known: list[int] | None = getattr(items, "sizes", None)
    return [item.tokens for item in items] if known is None else known
