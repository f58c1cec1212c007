"""A lock that holds only while nothing newer exists is told, and so is one that holds more than is needed."""

from pathlib import Path

import pytest
from packaging.requirements import Requirement

from distribution.wheels import PYTHONS
from tests.lock.__main__ import FOLDER, ROOT
from tests.lock.closure import Pin, faults_of, read_lock, read_needs
from tests.lock.pips import PIPS

HASH = f"--hash=sha256:{'0' * 64}"
NEEDS = {
    "app": ["lib[fast]>=2", "old; python_version < '3.12'", "doc; extra == 'docs'"],
    "lib": ["speed>=1; extra == 'fast'"],
}


def requires(pin: Pin) -> list[Requirement]:
    """The metadata of a small index."""
    return [Requirement(line) for line in NEEDS.get(pin.name, [])]


def locked(folder: Path, *lines: str) -> dict[str, Pin]:
    """A lock file with these lines, each with a hash."""
    path = folder / "lock.txt"
    path.write_text("".join(f"{line} \\\n    {HASH}\n    # via app\n" for line in lines), encoding="utf-8")
    return read_lock(path)


WHOLE = ("app==1", "lib[fast]==2.1", "old==1 ; python_version < '3.12'", "speed==1.0")


def test_a_complete_lock_has_no_fault(tmp_path: Path) -> None:
    assert faults_of(locked(tmp_path, *WHOLE), [Requirement("app")], requires) == []


@pytest.mark.parametrize(
    ("line", "instead", "said"),
    [
        ("lib[fast]==2.1", "lib==2.1", "app needs lib[fast], and its line does not name the extra"),
        ("lib[fast]==2.1", "lib[fast]==1.9", "app needs lib[fast]>=2, and 1.9 is locked"),
        ("speed==1.0", "", "speed, which lib needs, has no line"),
        ("old==1 ; python_version < '3.12'", "", "Python 3.11: old, which app needs, has no line"),
        ("old==1 ; python_version < '3.12'", "old==1 ; python_version < '3.11'", "3.11: old, which app needs, has no"),
        ("speed==1.0", "speed==1.0\nstray==4", "stray has a line that nothing needs"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, line: str, instead: str, said: str) -> None:
    lines = [new for old in WHOLE for new in (instead if old == line else old).split("\n") if new]
    faults = faults_of(locked(tmp_path, *lines), [Requirement("app")], requires)
    assert any(said in fault for fault in faults), faults


def test_a_line_without_a_hash_is_told(tmp_path: Path) -> None:
    path = tmp_path / "lock.txt"
    path.write_text("app==1\n", encoding="utf-8")
    assert "app has no hash" in faults_of(read_lock(path), [Requirement("app")], lambda _: [])


@pytest.mark.parametrize("line", ["app", "app>=1", "app==1.*", "app===1,!=2"])
def test_a_line_that_is_not_pinned_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(ValueError, match="not pinned"):
        locked(tmp_path, line)


@pytest.mark.parametrize(("lock", "needs"), [("run.txt", ("setup.cfg", "build.in")), ("test.txt", ("test.in",))])
def test_the_projects_own_locks_are_complete(lock: str, needs: tuple[str, ...]) -> None:
    paths = [ROOT / name if name.endswith(".cfg") else FOLDER / name for name in needs]
    assert faults_of(read_lock(FOLDER / lock), [need for path in paths for need in read_needs(path)]) == []


def test_the_pips_and_the_pythons_that_are_proven_are_those_that_are_documented() -> None:
    guide = (ROOT / "docs" / "deploiement.md").read_text(encoding="utf-8")
    assert f"CPython {PYTHONS[0]} à {PYTHONS[-1]}" in guide
    assert f"pip {PIPS[0].removeprefix('pip==')} (celui de Debian 12)" in guide
