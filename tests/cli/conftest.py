from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sources.hub_server import serving
from tests.sources.published import example

from .places import Place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    hub = example()
    with serving(hub) as address:
        yield Place(tmp_path, hub, address)
