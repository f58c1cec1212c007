"""What systemd is told, through a stand-in for its socket."""

import socket

import pytest

from ospi_supervisor.system.notify import READY, tell_systemd
from tests.support.notify_socket import notify_socket


def test_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with notify_socket() as systemd:
        monkeypatch.setenv("NOTIFY_SOCKET", systemd.address)
        tell_systemd(READY)
        assert systemd.hear() == ["READY=1"]


def test_an_abstract_address_is_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bell:
        bell.bind("")  # the kernel gives an abstract name
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{bell.getsockname()[1:].decode()}")
        tell_systemd(READY)
        assert bell.recv(100) == b"READY=1"


@pytest.mark.parametrize("address", ["", "/nowhere/at/all", "vsock:2:1"])
def test_nobody_listens_and_nothing_fails(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    tell_systemd(READY)


def test_a_manager_that_reads_no_more_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with notify_socket() as systemd:
        monkeypatch.setenv("NOTIFY_SOCKET", systemd.address)
        for _ in range(1000):  # more than any queue holds
            tell_systemd(READY)
        assert 0 < len(systemd.hear()) < 1000
