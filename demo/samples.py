"""The releases of the portal, and the sample archives made from them by the vendor's own tool: good and bad ones."""

import io
import shutil
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tuf.api.metadata import Metadata, Targets

from demo.notice import write_notice
from demo.seed import write_reference
from ospi_supervisor.archive import layout
from ospi_supervisor.archive.metadata import encode
from ospi_supervisor.domain.manifest import Hook, HookPhase, Manifest
from ospi_supervisor.publisher.build import Sources, build, tar_member
from ospi_supervisor.publisher.delta import build_delta
from ospi_supervisor.publisher.keys import init_keys
from ospi_supervisor.publisher.publication import publish
from ospi_supervisor.publisher.repository import Repository

PORTAL = Path(__file__).resolve().parent / "portal"
PRODUCT = "portail-bi"
INSTALLED, GOOD, FAILING, FAILING_EARLY = "11.5.0", "11.6.0", "11.5.9", "11.5.8"
HOOKS = (
    Hook(phase=HookPhase.STAGE, name="10-referentiel", timeout=300, title="Référentiel national"),
    Hook(phase=HookPhase.MIGRATE, name="20-migration", timeout=600, title="Migration des données"),
)


def write_release(tree: Path, version: str) -> None:
    """The tree of the portal's release `version`: what all have in common, then its own."""
    shutil.copytree(PORTAL / "common", tree, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(PORTAL / version, tree, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    for hook in (tree / "hooks").iterdir():
        hook.chmod(0o755)  # whatever the mask was under which this repository was cloned
    (tree / "ressources").mkdir()
    write_reference(tree / "ressources" / "comparaison.csv", version)


class Vendor:
    """The vendor's side of the demonstration, in one folder: keys, releases, archives."""

    def __init__(self, folder: Path, now: datetime) -> None:
        self.folder = folder
        self.keys = folder / "keys"
        self.archives = folder / "archives"
        self._foreign_keys = folder / "foreign-keys"
        self._expires = now.astimezone(UTC) + timedelta(days=365)
        self._now = now

    def prepare(self) -> dict[str, Path]:
        """Make the keys and every sample archive; their paths by the names that the contract gives them."""
        self.archives.mkdir(parents=True)
        init_keys(self.keys, self._now)
        init_keys(self._foreign_keys, self._now)
        for version in (INSTALLED, GOOD, FAILING, FAILING_EARLY):
            write_release(self.folder / version, version)
        good = self._build("good", GOOD)
        return {
            "good": good,
            "unsigned": self._altered(good, "unsigned", without_signatures),
            "foreign_key": self._build("foreign_key", GOOD, keys=self._foreign_keys),
            "tampered": self._altered(good, "tampered", with_a_changed_byte),
            "downgrade": self._build("downgrade", "11.4.0"),
            "platform_too_old": self._build("platform_too_old", "12.0.0", requires=">=11.9.0"),
            "wrong_product": self._build("wrong_product", GOOD, product="portail-rh"),
            "failing_rehearsal": self._build("failing_rehearsal", FAILING_EARLY),
            "failing_migration": self._build("failing_migration", FAILING),
            "decompressed": self._altered(good, "decompressed", unpacked_and_packed_again),
        }

    def publish(self, repository: Path, good: Path) -> None:
        """Offer the archive `good`, and the delta that leads to it from the first release, in a repository."""
        installed = self._build("installed", INSTALLED)
        delta = installed.with_name(f"{PRODUCT}-{INSTALLED}-to-{GOOD}.ospi")
        build_delta(installed, good, self.keys, self._now, self._expires, delta)
        for archive in (good, delta):
            publish(Repository(repository), self.keys, archive, self._now)

    def _build(
        self, name: str, version: str, *, product: str = PRODUCT, requires: str = ">=11.0.0", keys: Path | None = None
    ) -> Path:
        """A well-made archive; a version without a tree of its own holds that of the good one."""
        output = self._file(name, product, version)
        tree = self.folder / (version if version in (INSTALLED, FAILING, FAILING_EARLY) else GOOD)
        notice = self.folder / f"notice-{version}.pdf"
        write_notice(notice, version)
        sources = Sources(payload=tree, notice=notice, hooks=None, keys=keys or self.keys, expires=self._expires)
        hooks = tuple(hook for hook in HOOKS if (tree / "hooks" / hook.name).exists())
        manifest = Manifest(product=product, version=version, requires=requires, hooks=hooks, writable=("cache",))
        build(sources, manifest, output)
        return output

    def _altered(self, good: Path, name: str, change: Callable[[Path], bytes]) -> Path:
        output = self._file(name, PRODUCT, GOOD)
        output.write_bytes(change(good))
        return output

    def _file(self, name: str, product: str, version: str) -> Path:
        folder = self.archives if name == "good" else self.archives / name.replace("_", "-")
        folder.mkdir(exist_ok=True)
        return folder / f"{product}-{version}.ospi"


def without_signatures(good: Path) -> bytes:
    """The archive `good` whose release metadata nobody signed."""
    data = good.read_bytes()
    with tarfile.open(good) as tar:
        release, following = tar.getmember(layout.RELEASE), tar.getmember(layout.MANIFEST)
    metadata: Metadata[Targets] = Metadata.from_bytes(data[release.offset_data : release.offset_data + release.size])
    metadata.signatures.clear()
    return data[: release.offset] + tar_member(layout.RELEASE, encode(metadata)) + data[following.offset :]


def with_a_changed_byte(good: Path) -> bytes:
    """The archive `good` with one byte changed in the middle of its last pack."""
    data = bytearray(good.read_bytes())
    with tarfile.open(good) as tar:
        pack = tar.getmembers()[-1]
    data[pack.offset_data + pack.size // 2] ^= 0x01
    return bytes(data)


def unpacked_and_packed_again(good: Path) -> bytes:
    """The members of `good` in a tar of their folder, as left by a program that unpacked the archive."""
    output = io.BytesIO()
    with tarfile.open(good) as source, tarfile.open(fileobj=output, mode="w") as target:
        for member in source:
            content = source.extractfile(member)
            member.name = f"{good.stem}/{member.name}"
            target.addfile(member, content)
    return output.getvalue()
