"""The settings of the automatic update from the shell: releases put off, the channel; each is asked of the worker."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from ospi_supervisor.domain.requests import ChangeSetting
from ospi_supervisor.store.automatic_store import AutomaticStore
from ospi_supervisor.system.zone import local_zone
from tests.commands.conftest import Shell
from tests.support.site import Site, now


@pytest.fixture
def answering(site: Site) -> Iterator[None]:
    """A worker that puts each change in force, as the engine does."""
    with answered(site):
        yield


@contextmanager
def answered(site: Site, refusal: str = "") -> Iterator[None]:
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(0.02):
            for row in site.operations.web.requests_after(0):
                if row.kind == ChangeSetting.kind and site.operations.reader.answer(row.id) is None:
                    if not refusal:
                        name, value = row.payload["name"], row.payload["value"]
                        AutomaticStore(site.engine).change_setting(name, value, row.requested_by, now())
                    site.engine.answer(row.id, accepted=not refusal, message=refusal, now=now())

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.mark.usefixtures("answering")
def test_a_version_is_put_off_told_and_taken_back(shell: Shell, site: Site) -> None:
    until = now().astimezone(local_zone()).date() + timedelta(days=10)
    done = shell("auto", "put-off", "11.6.0", "--days", 10, "--reason", "clôture du PMSI")
    assert (done.exit_code, done.stdout) == (0, "version 11.6.0 : reportée\n"), done.stderr
    assert [item["version"] for item in site.operations.automatic.put_off()] == ["11.6.0"]
    told = shell("auto", "status").stdout
    assert f"Reportée, pas avant le {until:%d/%m/%Y} : 11.6.0 (clôture du PMSI), par " in told
    line = site.operations.web.audit(1)[0]
    assert (line.action, "clôture du PMSI" in line.detail) == ("version reportée", True)
    lifted = shell("auto", "put-off", "11.6", "--lift")  # spelt otherwise, and the same
    assert (lifted.exit_code, lifted.stdout) == (0, "version 11.6 : report levé\n")
    assert site.operations.automatic.put_off() == []
    assert site.operations.web.audit(1)[0].action == "report levé"


@pytest.mark.usefixtures("answering")
def test_without_days_it_is_until_told(shell: Shell) -> None:
    assert shell("auto", "put-off", "11.6.0", "--reason", "à essayer d'abord").exit_code == 0
    assert "Reportée jusqu'à nouvel ordre : 11.6.0 (à essayer d'abord)" in shell("auto", "status").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["toutes", "--reason", "x"], "n'est pas un numéro de version"),
        (["11.6.0"], "donnez la raison du report"),
        (["11.6.0", "--reason", " "], "donnez la raison du report"),
        (["11.6.0", "--reason", "x" * 501], "en 500 caractères au plus"),
        (["11.6.0", "--lift"], "la version 11.6.0 n'est pas reportée"),
    ],
)
def test_what_makes_no_sense_is_refused_before_it_is_asked(
    shell: Shell, site: Site, arguments: list[str], words: str
) -> None:
    refused = shell("auto", "put-off", *arguments)
    assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
    assert words in refused.stderr
    assert site.operations.web.requests_after(0) == []


@pytest.mark.parametrize("days", ["0", "366", "demain"])
def test_days_that_are_none_are_wrong_usage(shell: Shell, days: str) -> None:
    assert shell("auto", "put-off", "11.6.0", "--reason", "x", "--days", days).exit_code == 2


@pytest.mark.usefixtures("answering")
def test_a_setting_is_changed_and_told(shell: Shell) -> None:
    done = shell("auto", "set", "update.channel", "préversions")
    assert (done.exit_code, done.stdout.startswith("update.channel : préversions. ")) == (0, True), done.stderr
    told = shell("auto", "status").stdout
    assert "update.channel : préversions" in told
    assert "update.auto.security : NON" in told


@pytest.mark.parametrize(
    ("arguments", "status"), [(["update.channel", "béta"], 1), (["update.autre", "OUI"], 2), (["update.channel"], 2)]
)
def test_a_setting_that_there_is_not_is_refused(shell: Shell, site: Site, arguments: list[str], status: int) -> None:
    assert shell("auto", "set", *arguments).exit_code == status
    assert site.operations.web.requests_after(0) == []


def test_the_workers_refusal_is_told(shell: Shell, site: Site) -> None:
    with answered(site, "l'état ne peut pas être écrit"):
        refused = shell("auto", "put-off", "11.6.0", "--reason", "congés")
    assert (refused.exit_code, "l'état ne peut pas être écrit" in refused.stderr) == (1, True)


def test_nobody_waits_for_a_worker_that_is_down(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ospi_supervisor.commands.automatic.WORKER_PATIENCE_SECONDS", 0)
    began = time.monotonic()
    refused = shell("auto", "put-off", "11.6.0", "--reason", "congés")
    assert (refused.exit_code, "le service de mise à jour est arrêté" in refused.stderr) == (1, True)
    assert time.monotonic() - began < 60
