"""The switch: what is prepared, when it holds, and that it says what users really see."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from ospi_supervisor import __version__
from ospi_supervisor.config.tables import Config
from ospi_supervisor.errors import ConfigurationError, PlatformError
from ospi_supervisor.platform.health import Health
from ospi_supervisor.platform.maintenance import MaintenanceSwitch, is_emptied_by_a_reboot
from tests.platform.conftest import Handle, Stub, reply

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def make_switch(config: Config) -> MaintenanceSwitch:
    return MaintenanceSwitch(config.maintenance, Health(config.platform), config.platform.name)


def test_prepared_pages_hold_name_message_and_contact_escaped(make_config: Callable[..., Config]) -> None:
    config = make_config(
        platform={"name": "Portail <BI> & Cie"},
        maintenance={"message": "Retour à <b>midi</b>", "contact": 'Poste "12"'},
    )
    former = os.umask(0o077)  # a careful administrator's: the web server must read the pages all the same
    try:
        make_switch(config).prepare()
    finally:
        os.umask(former)
    assert config.maintenance.page_dir.stat().st_mode & 0o777 == 0o755
    page = (config.maintenance.page_dir / "index.html").read_text()
    assert "Portail &lt;BI&gt; &amp; Cie" in page
    assert "Retour à &lt;b&gt;midi&lt;/b&gt;" in page
    assert "Poste &quot;12&quot;" in page
    assert "Portail &lt;BI&gt; &amp; Cie" in (config.maintenance.page_dir / "unavailable.html").read_text()
    for path in config.maintenance.page_dir.iterdir():
        assert "{{" not in path.read_text()
        assert path.stat().st_mode & 0o777 == 0o644


def test_links_that_an_account_put_in_the_folder_are_not_followed(
    make_config: Callable[..., Config], tmp_path: Path
) -> None:
    config, root = make_config(), tmp_path / "root"
    root.write_text("precious")
    page = config.maintenance.page_dir
    page.mkdir(parents=True)
    for name in ("status.json", ".status.json.new", "index.html"):
        (page / name).symlink_to(root)
    switch = make_switch(config)
    switch.prepare()
    switch.write_status("migrate", 1, NOON, None, "…")
    assert json.loads((page / "status.json").read_text())["phase"] == "migrate"
    config.maintenance.flag.parent.mkdir(parents=True, exist_ok=True)
    config.maintenance.flag.symlink_to(tmp_path / "made")
    with pytest.raises(PlatformError):
        switch.on()
    assert root.read_text() == "precious"
    assert not (tmp_path / "made").exists()


def test_the_pages_need_nothing_from_elsewhere(make_config: Callable[..., Config]) -> None:
    config = make_config()
    make_switch(config).prepare()
    for path in config.maintenance.page_dir.iterdir():
        text = path.read_text()
        assert not any(mark in text for mark in ("http://", "https://", "src=", "@import", "url(", "<link"))


def test_a_folder_that_cannot_be_written_is_said(make_config: Callable[..., Config], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    config = make_config(
        maintenance={"page_dir": str(tmp_path / "file" / "page"), "flag": str(tmp_path / "file" / "f")}
    )
    with pytest.raises(PlatformError, match="impossible de préparer"):
        make_switch(config).prepare()
    with pytest.raises(PlatformError, match="impossible d'écrire"):
        make_switch(config).on()


def test_on_and_off_are_repeatable(make_config: Callable[..., Config]) -> None:
    switch = make_switch(make_config())
    for _ in range(2):
        switch.on()
        assert switch.is_on()
    for _ in range(2):
        switch.off()
        assert not switch.is_on()


def test_status_has_the_contracts_keys_and_goes_with_the_flag(make_config: Callable[..., Config]) -> None:
    config = make_config()
    switch = make_switch(config)
    path = config.maintenance.page_dir / "status.json"
    switch.write_status("migrate", 41.96, NOON, None, "Colonne « durée »")
    switch.on()
    status = json.loads(path.read_text())
    assert datetime.fromisoformat(status.pop("started_at")) == NOON
    assert status == {
        "format": 2,
        "written_by": __version__,
        "phase": "migrate",
        "percent": 42.0,
        "expected_end_at": None,
        "message": "Colonne « durée »",
    }
    switch.off()
    assert list(config.maintenance.page_dir.iterdir()) == []


def test_status_is_written_a_few_times_a_second_and_at_each_phase(make_config: Callable[..., Config]) -> None:
    config = make_config()
    switch = make_switch(config)
    path = config.maintenance.page_dir / "status.json"
    inodes = set()
    for percent in range(1000):
        switch.write_status("migrate", percent / 10, NOON, NOON, "…")
        inodes.add((path.stat().st_ino, path.stat().st_mtime_ns))
    assert len(inodes) < 20
    switch.write_status("start", 0, NOON, NOON, "Démarrage")
    assert json.loads(path.read_text())["phase"] == "start"


def page(handler: BaseHTTPRequestHandler) -> None:
    reply(handler, 503, b"page", {"X-OSPI-Maintenance": "1", "Retry-After": "30"})


def test_confirm_waits_for_what_users_see(
    make_config: Callable[..., Config], make_stub: Callable[[Handle], Stub]
) -> None:
    """A proxy may need a moment; and the address asked for is never the same, so that no cache answers."""

    def late(handler: BaseHTTPRequestHandler) -> None:
        page(handler) if len(stub.seen) > 2 else reply(handler)

    stub = make_stub(late)
    make_switch(make_config(platform={"public_url": f"{stub.url}/?lang=fr"})).confirm(True)
    paths = [path for _, path, _ in stub.seen]
    assert len(set(paths)) == 3
    assert all(path.startswith("/?lang=fr&") for path in paths)


def test_confirm_says_what_users_see_instead(
    make_config: Callable[..., Config], make_stub: Callable[[Handle], Stub]
) -> None:
    up, down = make_stub(reply), make_stub(page)
    with pytest.raises(PlatformError, match=r"voient \(la plateforme\)"):
        make_switch(make_config(platform={"public_url": up.url})).confirm(True, 0.2)
    with pytest.raises(PlatformError, match=r"voient \(la page de maintenance\)"):
        make_switch(make_config(platform={"public_url": down.url})).confirm(False, 0.2)
    with pytest.raises(PlatformError, match="ne répond pas"):
        make_switch(make_config(platform={"public_url": "http://127.0.0.1:1/"})).confirm(False, 0.2)


@pytest.mark.parametrize("folder", ["/run/ospi", "/var/run/ospi", "/tmp/ospi", "/dev/shm/ospi"])  # noqa: S108
def test_folders_that_a_reboot_empties_are_refused(folder: str, make_config: Callable[..., Config]) -> None:
    config = make_config(maintenance={"flag": f"{folder}/flag", "page_dir": "/var/lib/ospi/page"})
    with pytest.raises(ConfigurationError, match=r"maintenance\.flag .* redémarrage"):
        make_switch(config).check()


def test_a_lasting_folder_is_accepted_and_a_link_out_of_it_is_not(tmp_path: Path) -> None:
    assert not is_emptied_by_a_reboot(Path("/var/lib/ospi-supervisor/maintenance/flag"))
    (tmp_path / "link").symlink_to("/run")
    assert is_emptied_by_a_reboot(tmp_path / "link" / "flag")
