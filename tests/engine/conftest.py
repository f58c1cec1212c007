"""A bench for each test; and a real proxy, which dies in a switch of the page."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ospi_supervisor.config.tables import MaintenanceTable
from ospi_supervisor.platform.health import Health
from ospi_supervisor.platform.maintenance import MaintenanceSwitch
from tests.platform.proxied import Site, running_site
from tests.support.engine import Bench, close_databases

PATIENCE = 0.3


class KilledSwitch(MaintenanceSwitch):
    """The switch; the proxy dies once the flag was raised, or lowered, for the first time where that is asked for."""

    def __init__(self, table: MaintenanceTable, health: Health) -> None:
        super().__init__(table, health, patience=PATIENCE)
        self.in_on: Callable[[], None] | None = None
        self.in_off: Callable[[], None] | None = None

    def on(self) -> None:
        super().on()
        if self.in_on is not None:
            self.in_on()
            self.in_on = None

    def off(self) -> None:
        super().off()
        if self.in_off is not None:
            self.in_off()
            self.in_off = None


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    yield Bench(tmp_path)
    close_databases()


@pytest.fixture(scope="package")
def one_site() -> Iterator[Site]:
    with running_site("nginx") as site:
        yield site


@pytest.fixture
def site(one_site: Site) -> Iterator[Site]:
    """The proxy at work, and users on the platform."""
    one_site.switch.off()
    one_site.proxy.start()
    yield one_site
    one_site.proxy.start()
    one_site.switch.off()
