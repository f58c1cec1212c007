"""The vendor: two trees and the archives that lead to the new one, good and with each fault that a hook can have."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ospi_supervisor.domain.manifest import Hook, HookPhase
from tests.real_application.recipe import platform_python
from tests.support.archives import build_archive, make_keys

PRODUCT = "portail-bi"
OLD, NEW, NEXT = "11.5.0", "11.6.0", "11.7.0"
HOOK_FAULTS = (
    *("fail", "poison", "half", "hang", "stubborn", "children", "chatty", "trespass"),
    *("stage-fail", "stage-hang"),
)
RELEASE_FILES = 1000
CHANGED_EACH = 10
"""One file of ten differs between two releases."""

TIMEOUTS = {"hang": 3, "stubborn": 3, "stage-hang": 2}


@dataclass(frozen=True)
class Vendor:
    """Where the trees, the archives and the root of trust lie."""

    folder: Path

    @property
    def root(self) -> Path:
        """What hospitals trust."""
        return self.folder / "keys/root.json"

    def tree(self, version: str) -> Path:
        """A release as it is to be installed, its hooks apart."""
        return self.folder / f"tree-{version}"

    def hooks(self, fault: str, version: str) -> Path:
        """The hooks of that archive."""
        return self.folder / f"hooks-{version}-{fault}"

    def archive(self, fault: str = "good", version: str = NEW) -> Path:
        """The archive to `version` whose hooks have that fault."""
        return self.folder / f"{version}-{fault}.ospi"


def make_vendor(folder: Path) -> Vendor:
    """Build it all in the new `folder`."""
    folder.mkdir(parents=True)
    vendor = Vendor(folder)
    make_keys(folder)
    for version in (OLD, NEW, NEXT):
        _make_tree(vendor.tree(version), version)
    _build(vendor, "good", NEXT)
    for fault in ("good", *HOOK_FAULTS):
        _build(vendor, fault, NEW)
    return vendor


def _make_tree(folder: Path, version: str) -> None:
    (folder / "app").mkdir(parents=True)
    (folder / "VERSION").write_text(f"{version}\n")
    for number in range(RELEASE_FILES):
        own = version if number % CHANGED_EACH == 0 else "commun"
        (folder / "app" / f"module-{number}.py").write_text(f"# {own} {number}\n" + f"x = {number}\n" * 20)
    (folder / "app" / "lien").symlink_to("module-0.py")
    (folder / "vide").mkdir()


def _build(vendor: Vendor, fault: str, version: str) -> None:
    hooks = vendor.hooks(fault, version)
    hooks.mkdir()
    source = Path(__file__).with_name("hook.py").read_text(encoding="utf-8")
    text = source.replace('"{version}"', f'"{version}"').replace('"{fault}"', f'"{fault}"')
    for name in ("10-prepare", "20-migrate"):
        path = hooks / name
        path.write_text(f"#!{platform_python()}\n{text}", encoding="utf-8")
        path.chmod(0o755)
    timeout = TIMEOUTS.get(fault, 60)
    build_archive(
        vendor.archive(fault, version),
        vendor.folder / "keys",
        vendor.tree(version),
        product=PRODUCT,
        version=version,
        hooks=hooks,
        hook_list=(
            Hook(phase=HookPhase.STAGE, name="10-prepare", timeout=timeout, title="Préparation"),
            Hook(phase=HookPhase.MIGRATE, name="20-migrate", timeout=timeout, title="Migration"),
        ),
        writable=("cache",),
        expires=datetime.now(UTC) + timedelta(days=365),
    )
