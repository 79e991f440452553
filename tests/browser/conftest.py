"""Fixtures of the browser tests; without a Chromium they are skipped, loudly."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.browser import harness

SAMPLE = harness.ROOT / "sample_data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder `browser`, and keep them in one worker: they share a server."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("browser")
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="session")
def window() -> Iterator[Any]:
    """One headless browser for the whole run."""
    if harness.chromium() is None:
        pytest.skip("no Chromium: install Debian's package `chromium`, or set CHROMIUM to a browser's path")
    with harness.browser() as opened:
        yield opened


@pytest.fixture
def cold_server() -> Iterator[Callable[..., str]]:
    """Call it for the address of a server that nobody has visited yet: `cold_server()`, `cold_server(folder)`."""
    with ExitStack() as stack:
        yield lambda data=SAMPLE: stack.enter_context(harness.serve(data))


@pytest.fixture(scope="session")
def dashboard() -> Iterator[str]:
    """The address of a server on the sample data, shared by the tests that need no cold one."""
    with harness.serve(SAMPLE) as address:
        yield address


@pytest.fixture
def visitor(window: Any, dashboard: str) -> Iterator[harness.Visitor]:
    """A visitor to the shared server, at 1280x720 in light colours."""
    with harness.visit(window, dashboard) as someone:
        yield someone
