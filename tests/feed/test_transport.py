"""What the configuration says of the way out is refused where it cannot serve, and no password is shown."""

import traceback
from pathlib import Path

import pytest

from ospi_supervisor.errors import ConfigurationError
from ospi_supervisor.feed.transport import Transport


@pytest.mark.parametrize("text", ["proxy:3128", "https://proxy:3128", "socks5://proxy", "http://", "http://[::1"])
def test_a_proxy_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="de la forme"):
        Transport(proxy=text)


def test_a_proxy_password_never_stands_in_the_configuration() -> None:
    with pytest.raises(ConfigurationError, match="proxy_password_file") as caught:
        Transport(proxy="http://chu:secret@proxy:3128")
    assert "secret" not in str(caught.value)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="ca_bundle"):
        Transport(ca_bundle=tmp_path / "absent.pem")
    with pytest.raises(ConfigurationError, match="proxy_password_file"):
        Transport(proxy="http://chu@proxy:3128", proxy_password_file=tmp_path / "absent")
    (tmp_path / "bad.pem").write_text("not a certificate")
    with pytest.raises(ConfigurationError, match="ca_bundle"):
        Transport(ca_bundle=tmp_path / "bad.pem")


@pytest.mark.parametrize(("encoding", "words"), [("utf-8", "un caractère qui ne peut pas"), ("cp1252", "UTF-8")])
def test_a_proxy_password_that_cannot_be_sent_is_told_and_never_shown(
    tmp_path: Path, encoding: str, words: str
) -> None:
    (tmp_path / "password").write_text("s3cr€t", encoding=encoding)
    with pytest.raises(ConfigurationError, match=words) as caught:
        Transport(proxy="http://chu@proxy:3128", proxy_password_file=tmp_path / "password")
    assert "s3cr" not in "".join(traceback.format_exception(caught.value))
