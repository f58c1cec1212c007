"""How an update ended is told once to whom the configuration names, and nothing else depends on it."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from ospi_supervisor.bootstrap.worker import make_worker
from ospi_supervisor.config.tables import Config, MailTable, load_config
from ospi_supervisor.domain.hour import Hour
from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus
from ospi_supervisor.store.notifications import NotificationStore
from ospi_supervisor.worker.notifications import Notifications
from tests.commands.conftest import Shell, shell  # noqa: F401 - a fixture
from tests.support.reading import plain_spaces
from tests.support.site import Site, now
from tests.support.smtp_server import Letter, Post, a_post
from tests.support.system import free_port, wait_until

TOLD = (UpdateStatus.SUCCEEDED, UpdateStatus.ROLLED_BACK, UpdateStatus.FAILED, UpdateStatus.INTERVENTION)

TELL = """
import sys
from pathlib import Path
from ospi_supervisor.bootstrap.worker import make_worker
from ospi_supervisor.config.tables import load_config
make_worker(load_config(Path(sys.argv[1]))).report_ends()
"""


@pytest.fixture
def post() -> Iterator[Post]:
    with a_post() as post:
        yield post


@pytest.fixture
def reports(site: Site, post: Post) -> Notifications:
    """As a worker that has just been started tells ends."""
    return reports_of(site, to(site.config, post.port))


def reports_of(site: Site, config: Config) -> Notifications:
    return Notifications(config, site.engine, NotificationStore(site.engine), site.operations.reader.update, now)


def to(config: Config, port: int) -> Config:
    mail = MailTable(smtp=f"127.0.0.1:{port}", recipients=("dsi@hopital.example", "garde@hopital.example"))
    return msgspec.structs.replace(config, mail=mail)


def failed(site: Site, status: UpdateStatus, failure: str = "le script 20-schema a échoué") -> int:
    """An update that ended in `status` because of its migration."""
    number = site.update()
    site.engine.set_failure(number, Phase.MIGRATE, failure)
    end(site, number, status)
    return number


def end(site: Site, number: int, status: UpdateStatus) -> None:
    site.engine.finish(number, status, now())
    site.event(number, "end", Phase.MIGRATE, status=status)


def warnings(site: Site, number: int) -> list[str]:
    events = site.operations.reader.events(number)
    return [event.data["message"] for event in events if event.kind == "log" and event.data["level"] == "warning"]


def test_a_success_is_told_to_everybody_with_the_way_to_its_detail(
    site: Site, post: Post, reports: Notifications
) -> None:
    number = site.update(UpdateStatus.SUCCEEDED)
    reports.tell()
    [letter] = post.letters
    assert letter.recipients == ["dsi@hopital.example", "garde@hopital.example"]
    assert letter.message["To"] == "dsi@hopital.example, garde@hopital.example"
    assert letter.message["From"] == letter.sender == "ospi-superviseur@127.0.0.1"
    assert subject(letter) == "Portail BI, mise à jour 11.6.0 : réussie"
    assert letter.message["Auto-Submitted"] == "auto-generated"
    assert letter.text.startswith("La mise à jour a réussi.\n")
    assert f"n° {number}, de 11.5.0 vers 11.6.0" in letter.text
    assert "Demandée par : admin" in letter.text
    public = site.config.platform.public_url.removesuffix("/health")
    assert f"{public}/superviseur/mises-a-jour/suivi?update={number}" in letter.text
    assert "support" not in letter.text


def test_a_security_release_says_what_it_mends(site: Site, post: Post, reports: Notifications) -> None:
    number = site.update()
    facts = {"severity": "high", "fixes": ["CVE-2026-1234", "CVE-2026-1235"]}
    site.engine.set_phase(number, Phase.VERIFY, status=PhaseStatus.DONE, facts=facts)
    end(site, number, UpdateStatus.SUCCEEDED)
    reports.tell()
    [letter] = post.letters
    assert "Version de sécurité, gravité élevée, corrige CVE-2026-1234, CVE-2026-1235\n" in letter.text


@pytest.mark.parametrize("status", TOLD[1:])
def test_a_failure_says_why_and_whom_to_call(
    site: Site, post: Post, reports: Notifications, status: UpdateStatus
) -> None:
    number = failed(site, status)
    site.engine.lock_version("portail", "11.6.0", number, now())
    reports.tell()
    [letter] = post.letters
    assert "Motif : étape « Migration des données », le script 20-schema a échoué" in letter.text
    assert "Support : 04 26 10 06 36, support@ospi.fr." in letter.text


def test_what_locked_nothing_may_be_imported_again(site: Site, post: Post, reports: Notifications) -> None:
    failed(site, UpdateStatus.FAILED, "plus d'espace sur le disque")
    reports.tell()
    [letter] = post.letters
    assert "Corrigez ce qui est indiqué, puis importez de nouveau : rien n'est verrouillé." in letter.text
    assert "Support" not in letter.text


def test_each_end_is_told_once_by_whatever_worker(site: Site, post: Post, reports: Notifications) -> None:
    number = failed(site, UpdateStatus.INTERVENTION)
    for _ in range(2):
        reports.tell()
        reports_of(site, reports.config).tell()
    assert len(post.letters) == 1
    site.engine.resume(number)
    end(site, number, UpdateStatus.ROLLED_BACK)
    reports_of(site, reports.config).tell()
    assert [subject(letter) for letter in post.letters] == [
        "Portail BI, mise à jour 11.6.0 : intervention nécessaire",
        "Portail BI, mise à jour 11.6.0 : ramenée à l'ancienne version",
    ]


def subject(letter: Letter) -> str:
    return plain_spaces(str(letter.message["Subject"]))


@pytest.mark.parametrize("configured_later", [False, True])
def test_what_ended_before_mail_was_configured_is_not_told(site: Site, post: Post, configured_later: bool) -> None:
    if configured_later:
        reports_of(site, to(site.config, post.port)).tell()  # it was configured once
        without = reports_of(site, site.config)
        site.update(UpdateStatus.SUCCEEDED)
        without.tell()
    else:
        site.update(UpdateStatus.SUCCEEDED)
    reports_of(site, to(site.config, post.port)).tell()
    assert post.letters == []


def test_what_a_person_has_just_seen_is_not_told_and_what_nobody_watched_is(
    site: Site, post: Post, reports: Notifications
) -> None:
    cancelled = site.update()
    site.engine.request_cancel(cancelled)
    end(site, cancelled, UpdateStatus.CANCELLED)
    failed(site, UpdateStatus.REFUSED, "prérequis non remplis")
    reports.tell()
    assert post.letters == []
    end(site, site.planned(now() + timedelta(hours=1)), UpdateStatus.REFUSED)
    late, old = site.planned(now() + timedelta(hours=1)), site.planned(now() + timedelta(hours=1))
    site.engine.set_failure_words(late, "« Paie » commence")
    for number in (late, old):
        end(site, number, UpdateStatus.CANCELLED)
    reports.tell()
    refused, given_up, unexplained = post.letters
    assert subject(refused).endswith(" : refusée")
    assert "Motif : « Paie » commence\n" in plain_spaces(given_up.text)
    assert "Motif : personne ne l'a demandé ; le journal dit pourquoi\n" in plain_spaces(unexplained.text)


@pytest.mark.parametrize("phase", [Phase.PREREQUISITES, Phase.REHEARSE])
def test_what_a_rehearsal_refused_is_for_the_support(
    site: Site, post: Post, reports: Notifications, phase: Phase
) -> None:
    number = site.planned(now() + timedelta(hours=1))
    site.engine.set_failure(number, phase, "la migration a échoué sur le double")
    end(site, number, UpdateStatus.REFUSED)
    reports.tell()
    [letter] = post.letters
    assert ("Support : 04 26 10 06 36" in letter.text) == (phase is Phase.REHEARSE)


def test_a_crash_while_it_is_sent_never_sends_it_twice(site: Site) -> None:
    with a_post() as post:
        with site.config_path.open("a", encoding="utf-8") as file:
            file.write(f'[mail]\nsmtp = "127.0.0.1:{post.port}"\nrecipients = ["dsi@hopital.example"]\n')
        command = [sys.executable, "-c", TELL, str(site.config_path)]
        subprocess.run(command, check=True, timeout=60)
        site.update(UpdateStatus.SUCCEEDED)
        killed: list[subprocess.Popen[bytes]] = []
        post.at_data = lambda: killed[0].kill()
        killed.append(subprocess.Popen(command))
        assert killed[0].wait(60) == -9
        post.at_data = lambda: None
        subprocess.run(command, check=True, timeout=60)
    assert len(post.letters) == 1


def test_what_cannot_be_sent_is_one_line_of_the_log_and_of_the_journal(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    reports = reports_of(site, to(site.config, free_port()))
    number = site.update(UpdateStatus.SUCCEEDED)
    with caplog.at_level(logging.INFO):
        reports.tell()
        reports.tell()
    [line] = [record.getMessage() for record in caplog.records if record.name == "ospi_supervisor.worker.notifications"]
    assert line.startswith(f"update {number}: its end could not be told by mail: le serveur de messagerie 127.0.0.1:")
    [told] = warnings(site, number)
    assert told.startswith("La fin de la mise à jour n'a pas pu être annoncée par courriel : ")
    update = site.operations.reader.update(number)
    assert update is not None
    assert update["status"] == UpdateStatus.SUCCEEDED


def test_the_stop_of_the_servers_words_is_the_sentences(site: Site, post: Post, reports: Notifications) -> None:
    post.manners = "closed"
    number = site.update(UpdateStatus.SUCCEEDED)
    reports.tell()
    assert warnings(site, number)[0].endswith(" : 554 Closed today.")


def test_no_secret_is_in_it(site: Site, post: Post, reports: Notifications) -> None:
    secret = site.config.paths.secret_key.read_text(encoding="utf-8").strip()
    failed(site, UpdateStatus.ROLLED_BACK, f"postgresql://bi:azerty@127.0.0.1/x refusé, {secret}")
    reports.tell()
    assert "postgresql://bi:***@127.0.0.1/x refusé, ***" in post.letters[0].text


def test_the_worker_tells_ends(site: Site, post: Post) -> None:
    worker = make_worker(to(site.config, post.port))
    site.update(UpdateStatus.SUCCEEDED)
    worker.report_ends()
    wait_until(lambda: len(post.letters) == 1, "a letter")
    worker.store.close()


def test_check_says_whether_the_server_answers(shell: Shell, site: Site, post: Post) -> None:  # noqa: F811
    def told(port: int) -> str:
        table = f'[mail]\nsmtp = "127.0.0.1:{port}"\nrecipients = ["dsi@hopital.example"]\n'
        site.config_path.write_text(text + table, encoding="utf-8")
        [line] = [line for line in shell("check").stdout.splitlines() if "messagerie" in line]
        return line

    text = site.config_path.read_text(encoding="utf-8")
    assert told(post.port).startswith("ok    le serveur de messagerie 127.0.0.1")
    assert told(free_port()).startswith("avis  la fin d'une mise à jour ne pourra pas être annoncée par courriel")
    assert post.letters == []


def test_the_password_is_a_secret_file(shell: Shell, site: Site, tmp_path: Path) -> None:  # noqa: F811
    path = tmp_path / "mail-password"
    path.write_text("secret", encoding="utf-8")
    path.chmod(0o644)
    with site.config_path.open("a", encoding="utf-8") as file:
        file.write(f'[mail]\nsmtp = "127.0.0.1:{free_port()}"\nrecipients = ["a@b.example"]\n')
        file.write(f'account = "superviseur"\npassword_file = "{path}"\n')
    assert load_config(site.config_path).mail.account == "superviseur"
    assert f"FAUX  le secret {path} est lisible par d'autres" in shell("check").stdout


def test_an_hour_that_was_missed_is_told_once_and_not_one_that_is_kept(
    reports: Notifications, site: Site, post: Post
) -> None:
    number = site.prepared(now() + timedelta(hours=3))
    reports.tell()
    assert post.letters == []
    site.engine.hold(number, None, now())
    site.event(number, "hour", Phase.BACKUP, level="warning", message="L'heure choisie est manquée.")
    reports.tell()
    reports.tell()
    [letter] = post.letters
    assert subject(letter).endswith(" : heure à choisir")
    text = plain_spaces(letter.text)
    assert "La mise à jour est prête, mais son heure est à choisir." in text
    assert "Choisissez une heure" in text


def test_an_hour_chosen_before_the_mail_leaves_needs_none(reports: Notifications, site: Site, post: Post) -> None:
    number = site.prepared(None)
    site.event(number, "hour", Phase.BACKUP, level="warning", message="L'heure choisie est manquée.")
    at = now() + timedelta(hours=1)
    site.engine.set_hour(number, Hour(switch_at=at, wake_at=at))
    reports.tell()
    assert post.letters == []
