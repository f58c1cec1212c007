"""The releases' hook, for `stage` and for `migrate`, with the faults that a hook can have.

It is put into archives as text, behind a first line and the two constants that `vendor` fills in. It writes as
careless hooks do: in place, and with no fsync, or one that keeps the contents and forgets their time.
"""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

VERSION = "{version}"
FAULT = "{fault}"
STEP_SECONDS = 0.12


def progress(percent: int) -> None:
    """Tell, and take a while: faults must be able to hit."""
    sys.stdout.write(f"@progress {percent} étape\n")
    sys.stdout.flush()
    time.sleep(STEP_SECONDS)


def migrate() -> None:
    """Give every entry the form of this version, in its three places, and change the tree of folders."""
    data = Path(os.environ["OSPI_DATA_DIRS"])
    connection = sqlite3.connect(os.environ["OSPI_DATABASE_URL_PORTAIL"].removeprefix("sqlite://"))
    connection.execute("UPDATE entry SET form = ?", [VERSION])
    connection.commit()
    connection.close()
    progress(20)
    files = sorted((data / "files").iterdir())
    for path in files[: len(files) // 2]:
        rewrite(path)
    progress(40)
    if FAULT == "half":
        sys.exit(0)
    for path in files[len(files) // 2 :]:
        rewrite(path)
    progress(60)
    change_base(data / "base")
    progress(80)
    sql = f"UPDATE entry SET form = '{VERSION}';"  # noqa: S608 - a constant
    subprocess.run(["psql", "-Xqd", os.environ["OSPI_DATABASE_URL_REGISTRE"], "-c", sql], check=True)
    progress(95)


def rewrite(path: Path) -> None:
    """The form of this version, in place."""
    path.write_text(f"[{VERSION}]{path.read_text().partition(']')[2]}")


def write_in_place(path: Path, contents: bytes) -> None:
    """As databases write: the contents are on the disk when this returns, and perhaps not yet the time of it."""
    descriptor = os.open(path, os.O_WRONLY)
    os.pwrite(descriptor, contents, 0)
    os.fdatasync(descriptor)
    os.close(descriptor)


def change_base(base: Path) -> None:
    """Files that change, go and come; `world.base_after` says the same."""
    for path in sorted(base.glob("dossier-*/*")):
        number = int(path.name)
        if number % 3 == 0:
            write_in_place(path, f"[{VERSION}] base {number}\n".encode())
        if number % 10 == 1:
            path.unlink()
    (base / f"nouveau-{VERSION}").write_text(VERSION)


def misbehave() -> None:
    """The faults that come after the work, or in its place."""
    if FAULT in ("fail", "poison"):
        sys.exit("la migration échoue")
    if FAULT == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if FAULT in ("hang", "stubborn"):
        time.sleep(60)
    if FAULT == "children":
        subprocess.Popen(["sleep", "300"], start_new_session=True)
        subprocess.Popen(["sh", "-c", "trap '' TERM; while :; do sleep 1; done"])
    if FAULT == "chatty":
        sys.stdout.writelines(f"ligne {number} {'x' * 100}\n" for number in range(100_000))
    if FAULT == "trespass":
        for folder in ("OSPI_PREVIOUS_RELEASE_DIR", "OSPI_RELEASE_DIR"):
            for name in ("VERSION", "app/module-0.py", "intrus"):
                try:
                    Path(os.environ[folder], name).write_text("écrit par un script")
                except PermissionError:
                    sys.stdout.write("refusé\n")


if __name__ == "__main__":
    if os.environ.get("OSPI_REHEARSAL") and FAULT != "poison":
        FAULT = ""  # the campaign's faults are those that no rehearsal sees
    if sys.argv[0].endswith("10-prepare"):
        Path("cache", "prêt").write_text(VERSION)
        if FAULT == "stage-fail":
            sys.exit("la préparation échoue")
        if FAULT == "stage-hang":
            time.sleep(60)
        progress(50)
    else:
        migrate()
        misbehave()
