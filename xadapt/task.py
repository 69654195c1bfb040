"""What a task is: a dataset, how to read a row of it, how it is scored. Knows no model, no tokenizer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from xadapt.examples import Example

Row = Mapping[str, Any]
Role = Literal["intermediate", "target", "text"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """One split of one dataset: on the hub at one revision, and its place in a local data folder."""

    path: str
    """Hub id, `owner/name`."""
    revision: str
    """40 hex digits, or a branch name where no revision could be verified yet."""
    config: str
    split: str
    local: str
    """`<name>/<config>/<split>` below a data folder; the toy world uses the same three words."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """One file of `xadapt/tasks` defines one; its name is the file's, the config's and the report's."""

    name: str
    type: str
    """A key of `examples.KINDS`, and a module of `task_types`."""
    metric: str
    """A module of `metrics`."""
    role: Role
    read: Callable[[Row, str], Example | None]
    """A row and its number -> an example, or None without a label; ValueError names field and value."""
    labels: tuple[str, ...] = ()
    benchmarks: tuple[str, ...] = ()
    languages: tuple[str, ...] = ("en",)
    """Test languages of the benchmark, ISO 639-1 where there is one."""
    train: Source | None = None
    """English training data; None for a target read from the intermediate module."""
    dev: Source | None = None
    """English data for selection."""
    test: Callable[[str], Source] | None = None
    """language -> its test data."""
    title: str = ""
    license: str = ""
    quirks: str = ""
    """What a reader of its numbers must know."""
    version: int = 1
    """Raised when `read` gives other examples for the same rows."""
