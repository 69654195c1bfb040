"""What most of these tests begin with: an experiment, and a store in which nothing is yet."""

from pathlib import Path

import pytest

from tests.report import fakes
from xadapt.experiment import Experiment
from xadapt.workflow.store import Store


@pytest.fixture
def asked(tmp_path: Path) -> Experiment:
    return fakes.load(tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")
