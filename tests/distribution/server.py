"""A Debian 12 server made of nothing by debootstrap, with a network of its own that leads nowhere."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from demo.notice import write_notice
from ospi_supervisor.domain.manifest import Hook, HookPhase, Manifest
from ospi_supervisor.publisher.build import Sources, build
from tests.support.system import require_program, require_root, unavailable, wait_until

HERE = Path(__file__).resolve().parent
PACKAGES = "python3,zstd,bubblewrap,nginx-light,busybox,curl"
SUITE = "bookworm"
EMPTIED = "/tmp"  # noqa: S108 - the server's own
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def make_root(folder: Path) -> None:
    """The system, from Debian's own packages. Skipped, saying so, where they cannot be had."""
    require_root("debootstrap makes a system's root")
    command = [require_program("debootstrap"), "--variant=minbase", f"--include={PACKAGES}", SUITE, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    if done.returncode:
        unavailable(f"debootstrap: {(done.stderr or done.stdout)[-500:]}")
    systemctl = folder / "usr" / "bin" / "systemctl"
    shutil.copyfile(HERE / "systemctl", systemctl)
    systemctl.chmod(0o755)
    (folder / "etc" / "systemd" / "system").mkdir(parents=True, exist_ok=True)
    (folder / "etc" / "hosts").write_text("127.0.0.1 localhost un.test deux.test\n")


class Server:
    """The system in `root` while it is up: processes, network and mounts of its own, and nothing else of the machine's
    but the folder `delivered` at `/root/remis`."""

    def __init__(self, root: Path, delivered: Path) -> None:
        self.root, self.delivered = root, delivered
        (root / "root" / "remis").mkdir(exist_ok=True)
        self.boot()

    def boot(self) -> None:
        """Start the machine: nothing runs yet."""
        reading, writing = os.pipe()
        view = ["--bind", str(self.root), "/", "--ro-bind", str(self.delivered), "/root/remis", "--proc", "/proc"]
        view += ["--dev", "/dev", "--tmpfs", "/run", "--tmpfs", EMPTIED, "--cap-add", "ALL"]
        apart = ["--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent"]
        command = [require_program("bwrap"), *view, *apart, "--info-fd", str(writing), "--", "sleep", "infinity"]
        self._machine = subprocess.Popen(command, pass_fds=(writing,))
        os.close(writing)
        with os.fdopen(reading) as told:
            self.pid = int(json.load(told)["child-pid"])
        # Before its root is its own, a command would run on the machine of the tests.
        wait_until(lambda: Path(f"/proc/{self.pid}/root").samefile(self.root), "the machine's own root")
        wait_until(lambda: self.run("test", "-d", "/root/remis", check=False).returncode == 0, "the machine")

    def cut_power(self) -> None:
        """End every process at once."""
        os.kill(self.pid, signal.SIGKILL)
        self._machine.wait(60)

    def inside(self, *command: str) -> list[str]:
        """The command line that runs a command as root of this server."""
        enter = ["nsenter", "--target", str(self.pid), "--mount", "--net", "--pid", "--ipc", "--uts", "--root"]
        return [*enter, "env", "--chdir=/root", "-i", f"PATH={PATH}", "HOME=/root", "LANG=C.UTF-8", *command]

    def run(self, *command: str, stdin: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command as root of this server; AssertionError where it fails."""
        words = self.inside(*command)
        done = subprocess.run(words, input=stdin, capture_output=True, text=True, timeout=600, check=False)
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done

    def type(self, script: str, stdin: str = "") -> str:
        """What a shell prints that is given these lines; AssertionError where one fails."""
        return self.run("sh", "-euc", script, stdin=stdin).stdout

    def path(self, absolute: str) -> Path:
        """A file of the server's, seen from outside."""
        return self.root / absolute.removeprefix("/")


def put_platform(server: Server, name: str, port: int) -> None:
    """A platform on its release 11.5.0 below `/opt/NAME`, with data, under an account of its own."""
    data, root = f"/var/lib/{name}", f"/opt/{name}"
    server.type(f"useradd --system {name}; install -d -o {name} {data}; install -d {root}/current")
    lay_out_release(server.path(f"{root}/current"), "11.5.0")
    control = f"/usr/local/bin/{name}-ctl"
    shutil.copyfile(HERE / "app.py", server.path(control))
    server.path(control).chmod(0o755)
    server.type(f"setpriv --reuid={name} --regid={name} --clear-groups {control} seed {root} {data} {port}")


def start_platform(server: Server, name: str, port: int) -> None:
    """As a unit of its own would."""
    as_account = f"setpriv --reuid={name} --regid={name} --clear-groups"
    server.type(f"{as_account} /usr/local/bin/{name}-ctl start /opt/{name} /var/lib/{name} {port}")


def lay_out_release(folder: Path, version: str, *, fails: bool = False) -> None:
    """The tree of a release of the platform."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(HERE / "app.py", folder / "app.py")
    (folder / "VERSION").write_text(version + "\n")
    (folder / "hooks").mkdir(exist_ok=True)
    hook = folder / "hooks" / "20-migration"
    end = '[ "${OSPI_REHEARSAL:-}" = 1 ]' if fails else "exit 0"  # the twin does not see what is wrong
    hook.write_text(f"#!/bin/sh\necho '@progress 50 Migration'\nsleep 1\n{end}\n")
    hook.chmod(0o755)


def build_release(folder: Path, keys: Path, product: str, version: str, *, fails: bool = False) -> Path:
    """An archive of the platform's release `version`, whose migration fails where that is asked for."""
    tree, notice = folder / f"{product}-{version}", folder / f"{product}-{version}.pdf"
    lay_out_release(tree, version, fails=fails)
    write_notice(notice, version)
    archive = folder / f"{product}-{version}.ospi"
    hook = Hook(phase=HookPhase.MIGRATE, name="20-migration", timeout=60, title="Migration")
    expires = datetime.now(UTC) + timedelta(days=30)
    sources = Sources(payload=tree, notice=notice, hooks=None, keys=keys, expires=expires)
    build(sources, Manifest(product=product, version=version, hooks=(hook,)), archive)
    return archive


def complete(text: str, name: str, port: int, public_url: str, extra: Sequence[str] = ()) -> str:
    """The configuration that was written at the installation, with the values that an administrator gives."""
    data = f"/var/lib/{name}"
    command = f'"/usr/local/bin/{name}-ctl {{}} /opt/{name} {data} {port}"'
    given = {
        '# product = "pmsipilot"': f'product = "{name}"',
        '# name = "PMSIpilot"': f'name = "Plateforme {name}"',
        '# root = "/opt/pmsipilot"': f'root = "/opt/{name}"',
        '# account = "pmsipilot"': f'account = "{name}"',
        '# public_url = "https://bi.hopital.example/"': f'public_url = "{public_url}"',
        '# health_url = "http://127.0.0.1:8000/health"': f'health_url = "http://127.0.0.1:{port}/health"',
        '# data_dirs = ["/var/lib/pmsipilot"]': f'data_dirs = ["{data}"]',
        "# [[platform.services]]": "[[platform.services]]",
        '# name = "portail"': 'name = "portail"',
        '# systemd = "pmsipilot-portail.service"': "\n".join(
            f"{verb} = {command.format(verb)}" for verb in ("start", "stop", "status")
        ),
        "# [[platform.databases]]": "[[platform.databases]]",
        '# name = "entrepot"': 'name = "donnees"',
        '# url = "postgresql://pmsipilot@127.0.0.1:5432/entrepot"': f'url = "sqlite:///{data}/app.db"',
        "[platform]\n": "secure_cookies = false\n[platform]\n",
    }
    for old, new in given.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    thresholds = ("[prerequisites]", "cores = 1", "memory_gb = 1", "free_disk_percent = 2")
    return "\n".join((text, *thresholds, *extra, ""))
