"""Whether the installed packages are those that xadapt and the libraries below it ask for."""

from dataclasses import dataclass
from importlib import metadata

from xadapt.errors import WrongEnvironment

OURS = ("xadapt", "adapters")
"""Whose requirements are checked: `adapters` allows one release of transformers only."""


@dataclass(frozen=True)
class Package:
    """One requirement; `found` is None when nothing of that name is installed."""

    name: str
    found: str | None
    needed: str
    ok: bool

    def advice(self) -> str:
        found = self.found or "not installed"
        return f"{self.name}: found {found}, needed {self.needed}; pip install '{self.name}{self.needed}'"


def packages() -> list[Package]:
    """Every requirement with what is installed, sorted by name."""
    from packaging.requirements import Requirement

    needed: dict[str, str] = {}
    for owner in OURS:
        for text in _requires(owner):
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                specifiers = [needed.get(requirement.name, ""), str(requirement.specifier)]
                needed[requirement.name] = ",".join(filter(None, specifiers))
    return [_package(name, specifier) for name, specifier in sorted(needed.items())]


def _requires(owner: str) -> list[str]:
    try:
        return metadata.requires(owner) or []
    except metadata.PackageNotFoundError:
        return []


def _package(name: str, needed: str) -> Package:
    from packaging.specifiers import SpecifierSet

    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Package(name, None, needed, False)
    return Package(name, found, needed, SpecifierSet(needed).contains(found, prereleases=True))


def device() -> str:
    """The device that `--device auto` takes; loads torch."""
    import torch

    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    return f"cpu, {torch.get_num_threads()} threads"


def check_device(name: str) -> None:
    """Raise WrongEnvironment for a `--device` that is not there; loads torch for a GPU only."""
    if name in ("auto", "cpu"):
        return
    import torch

    there = torch.cuda.is_available() if name == "cuda" else torch.backends.mps.is_available()
    if not there:
        raise WrongEnvironment(f"--device {name}: no such device is visible", "use --device cpu, or auto")
