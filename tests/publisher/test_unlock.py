"""`ospi-release unlock-code`: the support's answer, and that a server believes it."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ospi_supervisor.config.support_key import SupportKey
from ospi_supervisor.domain.unlock import decode_code, parse_challenge
from ospi_supervisor.errors import ConfigurationError, RefusedError
from ospi_supervisor.publisher.keys import init_keys
from ospi_supervisor.publisher.unlock import unlock_code

CHALLENGE = f"ospi-deblocage/portail-bi/11.5.9/12/{'0a' * 10}"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    init_keys(tmp_path / "keys", datetime.now(UTC))
    return tmp_path / "keys"


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    program = "from ospi_supervisor.publisher.cli import main; main()"
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_answer_is_a_code_that_the_public_key_proves(keys: Path) -> None:
    done = run("unlock-code", "--key", keys / "private/support.pem", f" {CHALLENGE}\n")
    assert done.returncode == 0
    assert "portail-bi 11.5.9, échec de la mise à jour n° 12" in done.stderr
    code = done.stdout.strip()
    key = SupportKey.load(keys / "support.pub.pem")
    assert key.signed(parse_challenge(CHALLENGE).signed_text, decode_code(code))
    assert not key.signed(CHALLENGE.encode(), decode_code(code))


def test_what_is_no_challenge_or_no_key_is_refused_in_one_line(keys: Path) -> None:
    for key, challenge in (("private/support.pem", "signez ceci"), ("support.pub.pem", CHALLENGE)):
        done = run("unlock-code", "--key", keys / key, challenge)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    with pytest.raises(RefusedError):
        unlock_code(keys / "private/support.pem", "metadata/release.json")


def test_a_public_key_that_is_none_is_named(keys: Path) -> None:
    for path in (keys / "absent.pem", keys / "private/support.pem", keys / "root.json"):
        with pytest.raises(ConfigurationError, match=str(path)):
            SupportKey.load(path)
