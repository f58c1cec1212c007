"""What the worker would publish of backups that were handed to the configured command."""

from dataclasses import replace

from ospi_supervisor.config.tables import load_config
from ospi_supervisor.store.published import PublishedStore
from ospi_supervisor.store.topics import HANDOUTS, HandoutRow, HandoutsDocument
from tests.support.drills import CERTIFICATE
from tests.support.site import Site, now

NAME = "update-7-full"


def configured(site: Site) -> None:
    """There is such a command."""
    more = 'after_snapshot = "cat"\nafter_snapshot_account = "nobody"'
    site.config_path.write_text(site.config_path.read_text().replace("[backup]", f"[backup]\n{more}"))
    parts = site.app.extensions["ospi_supervisor"]
    site.app.extensions["ospi_supervisor"] = replace(parts, config=load_config(site.config_path))


def tell(site: Site, failure: str | None, said: str = "", at_work: str | None = None) -> None:
    """What became of the backup there is."""
    row = HandoutRow(snapshot=NAME, taken_at=CERTIFICATE.taken_at, ended_at=now(), failure=failure, said=said)
    PublishedStore(site.engine).publish(HANDOUTS, HandoutsDocument(rows=[row], at_work=at_work), now())
