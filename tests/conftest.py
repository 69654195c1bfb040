"""One thread per process, here and in the commands that tests start: tiny tensors gain nothing from more,
and two threads on a busy machine are many times slower than one. Files with slow tests come first, so that
processes which share out whole files end at about the same time."""

import os
from collections import Counter
from collections.abc import Iterator

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")
# Processes that share out the tests say how wide the terminal is, which commands would take for a wish.
os.environ.pop("COLUMNS", None)


def pytest_configure(config: pytest.Config) -> None:
    # xdist would begin with the files of most tests, and leave those of few but long ones for the end.
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    count = Counter(item.path for item in items)
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path not in slow, -count[item.path], item.path))


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk() -> Iterator[None]:
    """No test sees what a loss of power takes; stores of hundreds of stages would wait long for the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield
