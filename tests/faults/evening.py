"""An evening of one world: its hours, what its reverse proxies show, and who looks behind the closed door."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import urllib3

from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus
from ospi_supervisor.domain.proxies import KINDS, Kind
from ospi_supervisor.domain.requests import Terms
from ospi_supervisor.domain.validation import Verdict
from ospi_supervisor.platform.invitations import COOKIE, FRAGMENT
from ospi_supervisor.platform.proxies import render_proxy
from tests.faults.decider import SOMEBODY
from tests.faults.world import World, wait_until
from tests.platform.proxied import Proxy
from tests.support.proxies import serve
from tests.support.system import free_port

Doors = dict[Kind, str]
"""The address of each proxy."""


class Evening:
    """One world, and the hours of its worker, which begin at 15:00."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._three = datetime.now(UTC)

    # --- hours ------------------------------------------------------------------------------------------------

    def hour(self, hour: int) -> datetime:
        """An hour of that day."""
        return self._three + timedelta(hours=hour - 15)

    def set_clock(self, at: datetime, *, new_worker: bool) -> None:
        """The worker's clock says `at` from now on; one that begins looks at once, another within its minute."""
        shift = (at - datetime.now(UTC)).total_seconds()
        (self.world.notes / "clock").write_text(str(shift))
        if new_worker:
            self.world.kill("worker")
            self.world.tend()

    # --- the update -------------------------------------------------------------------------------------------

    def prepare(self, hooks: str = "good", *, validate: bool = False) -> int:
        """The number of the request for 22:00, once it is prepared."""
        terms = Terms(switch_at=self.hour(22), validate=validate)
        request = self.world.ask(self.world.site.vendor.archive(hooks), terms=terms)
        wait_until(lambda: self.status(request) is UpdateStatus.PREPARED, "the preparation")
        return request

    def status(self, request: int) -> UpdateStatus | None:
        """Of the update that the request led to; processes that died are started anew."""
        self.world.tend()
        return self.world.status(request)

    def is_over(self, request: int) -> bool:
        """Whether it has ended."""
        return bool((self.status(request) or UpdateStatus.QUEUED).is_final)

    def stands_at(self, phase: Phase, status: PhaseStatus, *, after: str = "") -> bool:
        """Whether a phase of the update has that status, and its journal has that line; processes are tended."""
        self.world.tend()
        update = self.world.update(1)
        assert update is not None
        assert not UpdateStatus(update["status"]).is_final, update["failure"]
        [found] = [row["status"] for row in update["phases"] if row["name"] == phase]
        return bool(found == status) and after in self.journal()

    def journal(self) -> str:
        """What it says."""
        with self.world.reader() as reader:
            return "\n".join(event.data.get("message", "") for event in reader.events(1, 0, 100_000))

    # --- behind the closed door -------------------------------------------------------------------------------

    def secret(self) -> str | None:
        """What the link holds; None where there is no link."""
        self.world.tend()
        with self.world.operations() as operations:
            link = operations.validation.link()
        return None if link is None else link.partition(FRAGMENT)[2]

    def decide(self, verdict: Verdict) -> None:
        """Ask for it, as the page's buttons do."""
        with self.world.operations() as operations:
            validation = operations.validation
            (validation.open if verdict is Verdict.OPEN else validation.go_back)(1, SOMEBODY)

    def changes(self) -> list[str]:
        """What was written behind the page so far, as the page says it."""
        self.world.tend()
        update = self.world.update(1)
        assert update is not None
        return list(update["validation"]["changes"] or [])

    # --- proxies ----------------------------------------------------------------------------------------------

    @contextmanager
    def proxies(self) -> Iterator[Doors]:
        """Each proxy at work, with what is printed for this world."""
        with ExitStack() as stack:
            yield {kind: stack.enter_context(self._proxy(kind)) for kind in KINDS}

    @contextmanager
    def _proxy(self, kind: Kind) -> Iterator[str]:
        config, port = self.world.config, free_port()
        url = f"http://127.0.0.1:{port}"
        platform = msgspec.structs.replace(config.platform, public_url=f"{url}/")
        printed = render_proxy(kind, msgspec.structs.replace(config, platform=platform))
        with TemporaryDirectory(prefix="ospi-proxy-") as name:
            folder = Path(name)
            folder.chmod(0o755)  # for the account of web servers
            proxy = Proxy(serve(kind, folder, printed, port), folder, port)
            proxy.start()
            try:
                yield url
            finally:
                proxy.stop()


def told(doors: Doors) -> dict[Kind, object]:
    """What the banner says, as each proxy serves it."""
    answers = {kind: _ask(f"{url}/maintenance/annonce.json") for kind, url in doors.items()}
    return {kind: json.loads(answer.data) if answer.status == 200 else None for kind, answer in answers.items()}


def seen(doors: Doors, secret: str | None = None) -> set[str]:
    """What the proxies show: a version, « maintenance » or what is wrong; to who has the link, where `secret` is."""
    return {_seen(_ask(url, secret=secret)) for url in doors.values()}


def write(url: str, number: int, secret: str) -> int:
    """A link's holder adds an entry; the status of the answer."""
    return _ask(f"{url}/entries/{number}", "POST", secret).status


def _ask(url: str, method: str = "GET", secret: str | None = None) -> urllib3.BaseHTTPResponse:
    headers = {"Cookie": f"{COOKIE}={secret}"} if secret else {}
    with urllib3.PoolManager() as http:
        return http.request(method, url, headers=headers, retries=False, timeout=20)


def _seen(answer: urllib3.BaseHTTPResponse) -> str:
    if answer.status == 503 and answer.headers.get("X-OSPI-Maintenance") == "1":
        return "maintenance"
    return str(json.loads(answer.data)["version"]) if answer.status == 200 else f"HTTP {answer.status}"
