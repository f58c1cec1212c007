"""The platform's services: stopped all, held stopped across a reboot, started again, and verified each time."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from ospi_supervisor.config.tables import ServiceTable
from ospi_supervisor.errors import PlatformError
from ospi_supervisor.platform.drivers import CommandDriver, Driver, SystemdDriver
from ospi_supervisor.system.files import fsync_dir


class Services:
    """All services of the platform, in the order in which they start; they stop in the reverse order.

    `hold` is a file: while it is there, systemd does not start the units, whatever a reboot or an administrator
    asks. Services by commands know no such condition: `ensure_stopped` puts them right after a boot. Those that are
    `held_until_open` have a hold of their own beside it.
    """

    def __init__(self, tables: Sequence[ServiceTable], hold: Path, account: str | None) -> None:
        self._hold = hold
        self._hold_until_open = hold.with_name(f"{hold.name}-until-open")
        self._late = frozenset(table.name for table in tables if table.held_until_open)
        self._drivers: list[Driver] = [
            CommandDriver(table, account)
            if table.systemd is None
            else SystemdDriver(table, self._hold_until_open if table.held_until_open else hold)
            for table in tables
        ]

    def running(self) -> dict[str, bool]:
        """Each service by name, and whether it runs; PlatformError where that cannot be told of one."""
        return {driver.name: driver.is_running() for driver in self._drivers}

    def check_hold(self) -> None:
        """PlatformError where a service could not be held stopped across a reboot."""
        for driver in self._drivers:
            driver.check_hold()

    def is_held(self) -> bool:
        """Whether the services are held stopped."""
        return self._hold.exists()

    def stop(self, known: Mapping[str, bool] | None = None) -> None:
        """Hold the services, then stop each that runs; PlatformError naming the one that does not stop.

        `known` is what `running` has just said: what runs is not asked again, while users wait.

        The hold is durable before the first service stops: a power cut in between leaves none to start on
        half-migrated data.
        """
        for driver in self._drivers:
            driver.prepare_hold()
        try:
            for hold in self._holds:
                hold.touch()  # an empty file: it can be made on a full disk too
            fsync_dir(self._hold.parent)
        except OSError as error:
            raise PlatformError(f"impossible d'écrire {self._hold} : {error.strerror}") from error
        for driver in reversed(self._drivers):
            driver.stop(runs=bool(known and known.get(driver.name)))

    def ensure_stopped(self) -> None:
        """The same as `stop`, by the name of what is wanted after a crash or a boot."""
        self.stop()

    @property
    def _holds(self) -> list[Path]:
        return [self._hold, *([self._hold_until_open] if self._late else [])]

    def start(self, only: Collection[str] | None = None, *, but_late: bool = False) -> None:
        """Release the holds, then start each service that does not run, or of those named in `only`; `but_late`: those
        that are held until the release is opened stay so.

        One that fails keeps none of the others from starting; PlatformError names all that failed.
        """
        try:
            self._hold.unlink(missing_ok=True)
            if not but_late:
                self._hold_until_open.unlink(missing_ok=True)
            fsync_dir(self._hold.parent)
        except OSError as error:
            raise PlatformError(f"impossible de retirer {self._hold} : {error.strerror}") from error
        failures = []
        for driver in self._drivers:
            if (only is None or driver.name in only) and not (but_late and driver.name in self._late):
                try:
                    driver.start()
                except PlatformError as error:
                    failures.append(str(error))
        if failures:
            raise PlatformError(" ; ".join(failures))

    def left_out(self, only: Collection[str] | None) -> list[str]:
        """The services that `start` with the same names leaves as they are."""
        return [] if only is None else [driver.name for driver in self._drivers if driver.name not in only]
