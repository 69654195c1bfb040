"""The check of installed packages: each requirement, of ours and of the library that pins the most."""

from importlib import metadata

import pytest

from xadapt import environment


def test_this_environment_is_right():
    found = environment.packages()
    assert [package.name for package in found if not package.ok] == []
    assert {"torch", "transformers", "adapters", "typer"} <= {package.name for package in found}


@pytest.mark.parametrize(
    ("version", "ok"), [("4.57.6", True), ("4.57.5", False), ("4.58.0", False), ("5.0.0", False)]
)
def test_transformers_must_be_the_release_that_adapters_allows(monkeypatch, version, ok):
    real = metadata.version
    monkeypatch.setattr(
        environment.metadata, "version", lambda name: version if name == "transformers" else real(name)
    )
    package = next(p for p in environment.packages() if p.name == "transformers")
    assert package.ok is ok
    assert ok or f"transformers: found {version}, needed" in package.advice()


def test_a_package_that_is_missing_is_named(monkeypatch):
    real = metadata.version

    def version(name: str) -> str:
        if name == "peft":
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(environment.metadata, "version", version)
    wrong = [package for package in environment.packages() if not package.ok]
    assert [package.name for package in wrong] == ["peft"]
    assert wrong[0].advice().startswith("peft: found not installed, needed >=")
