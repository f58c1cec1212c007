"""`make dist`: writes what is handed to a hospital, signed with the vendor's keys."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import click
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from demo.notice import write_pdf
from distribution.payload import PROGRAM, lay_out, lay_out_settings
from distribution.run_file import write_run
from distribution.wheels import build_own, fetch_all
from ospi_supervisor import __version__
from ospi_supervisor.publisher.keys import init_keys, load_key

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = "ospi-supervisor"
HOOK_SECONDS = 900
HOOK_BYTES = 120 * 1024 * 1024
"""What a release's Python environment takes at most; `tests/distribution` measures it."""
TRIAL_KEYS = "cles-d-essai"


@click.command()
@click.option("--keys", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--output", default=ROOT / "dist", type=click.Path(file_okay=False, path_type=Path))
@click.option("--version", default=__version__, help="Another number for the same program: for trials of an update.")
def main(keys: Path | None, output: Path, version: str) -> None:
    """Write the one file, its signature and its hash, the `.ospi` and the wheel into the folder `output`."""
    output.mkdir(exist_ok=True)
    keys = keys or _trial_keys(output)
    with tempfile.TemporaryDirectory(prefix="dist-") as work:
        payload = Path(work) / "payload"
        own = build_own(ROOT, Path(work) / "own", version)
        fetch_all(ROOT / "requirements" / "run.txt", Path(work) / "wheels")
        payload.mkdir()
        release = lay_out(payload / "release", Path(work) / "wheels", own)
        lay_out_settings(payload / "etc", keys)
        run = output / f"{PRODUCT}-{version}.run"
        write_run(payload, version, run)
        _sign(run, keys)
        build_archive(release, version, keys, output, Path(work) / "notice.pdf")
        shutil.copyfile(own, output / own.name)
    for path in sorted(output.glob("*ospi*")):
        click.echo(path)


def _trial_keys(output: Path) -> Path:
    """Keys that nobody may trust, made once, where the vendor's own were not given."""
    keys = output / TRIAL_KEYS
    if not keys.exists():
        init_keys(keys, datetime.now(UTC))
    click.echo(f"signed with keys for trial ({keys}); a delivery is made by: make dist KEYS=FOLDER", err=True)
    return keys


def _sign(run: Path, keys: Path) -> None:
    """The hash as `sha256sum -c` reads it, and an Ed25519 signature as `openssl pkeyutl -verify -rawin` does."""
    data = run.read_bytes()
    run.with_name(f"{run.name}.sha256").write_text(f"{hashlib.sha256(data).hexdigest()}  {run.name}\n")
    key = load_key(keys / "private" / "targets-1.pem")
    run.with_name(f"{run.name}.sig").write_bytes(key.sign(data))
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    run.with_name("ospi-release.pub.pem").write_bytes(public)


def build_archive(release: Path, version: str, keys: Path, output: Path, notice: Path) -> None:
    """The program as an update of itself, by the vendor's own tool."""
    write_pdf(notice, [[f"Superviseur OSPI {version}", "Les pages sont absentes quelques secondes."]])
    archive = output / f"{PRODUCT}-{version}.ospi"
    sbom = output / f"{PRODUCT}.cdx.json"
    program = "from ospi_supervisor.publisher.cli import main; main()"
    options = ["--product", PRODUCT, "--version", version, "--payload", str(release), "--notice", str(notice)]
    options += ["--hook", f"stage:{PROGRAM}:{HOOK_SECONDS}:Environnement Python", "--writable", "venv"]
    options += ["--hooks-bytes", str(HOOK_BYTES), *(["--sbom", str(sbom)] if sbom.exists() else [])]
    command = [sys.executable, "-c", program, "build", "--keys", str(keys), *options, "-o", str(archive)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
