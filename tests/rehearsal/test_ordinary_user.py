"""Who is not root rehearses in user namespaces where the machine allows them, and is told so where it does not."""

import os
import pwd
import subprocess
import sys
import sysconfig
from pathlib import Path

import msgspec

import ospi_supervisor
from ospi_supervisor.domain.rehearsal import Outcome, Verdict
from tests.real_application.recipe import platform_python
from tests.support.system import require_program

SOURCES = Path(ospi_supervisor.__file__).parents[1]
SHOWN = 'mount --bind "$1" "$2" && mount --bind "$3" "$4" && shift 4 && exec "$@"'
"""Ours may lie where no other account can look."""
PATIENCE_SECONDS = 900.0
NO_NAMESPACES = "echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --inh-caps=-all --ambient-caps=-all -- "
REFUSING = ("unshare", "--user", "--map-current-user", "--keep-caps", "sh", "-c", f'{NO_NAMESPACES}"$@"', "sh")
"""What runs so cannot make a user namespace, as on a machine whose administrator forbids them."""


def rehearsed(folder: Path, *before: str) -> list[Verdict]:
    """What an account without rights is told of its platform in `folder`, by a program started by `before`."""
    site = folder / "site"
    site.mkdir()
    python, sources, by = sys.executable, SOURCES, list(before)
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(site, nobody.pw_uid, nobody.pw_gid)
        python, sources, shown = _to_be_seen(folder)
        identity = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups", "--"]
        by = ["unshare", "--mount", "sh", "-c", SHOWN, "sh", *shown, *identity, *before]
    env = {**os.environ, "HOME": str(site), "PYTHONPATH": str(sources), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [*by, python, "-m", "tests.rehearsal.ordinary", str(site)]
    done = subprocess.run(command, env=env, cwd="/", stdout=subprocess.PIPE, timeout=PATIENCE_SECONDS, check=True)
    return msgspec.json.decode(done.stdout, type=list[Verdict])


def _to_be_seen(folder: Path) -> tuple[str, Path, list[str]]:
    """An interpreter and the sources' folder for another account, with what is to be mounted where."""
    sources, environment = folder / "sources", folder / "python"
    sources.mkdir()
    subprocess.run([platform_python(), "-m", "venv", "--without-pip", environment], check=True)
    (libraries,) = environment.glob("lib/python*/site-packages")
    shown = [SOURCES, sources, sysconfig.get_path("purelib"), libraries]
    return f"{environment}/bin/python", sources, [str(place) for place in shown]


def test_user_namespaces_do_what_root_does(folder: Path) -> None:
    good, bad = rehearsed(folder)
    assert (good.outcome, good.reason) == (Outcome.REHEARSED, ""), good
    assert bad.outcome is Outcome.REFUSED
    assert "séjour 142 : code inconnu" in bad.reason


def test_where_there_are_none_it_is_said(folder: Path) -> None:
    require_program("unshare")
    for verdict in rehearsed(folder, *REFUSING):
        assert verdict.outcome is Outcome.NOT_REHEARSED
        assert "ce système ne permet pas d'espaces de noms à un compte ordinaire" in verdict.reason
    assert not list((folder / "site").rglob(".repetition"))
