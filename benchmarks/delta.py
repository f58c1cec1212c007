"""`python -m benchmarks delta`: delta archives of real applications beside zstd --patch-from and casync, in one run.

Each pair is two consecutive releases from PyPI, unpacked with all that they depend on. Writes `docs/mesures-delta.md`.
"""

import filecmp
import hashlib
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.processes import family_peak
from ospi_supervisor.archive.reader import Archive
from ospi_supervisor.archive.staging import stage
from ospi_supervisor.archive.tree import InstalledTree, TreeRecord
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.publisher.delta import build_delta
from tests.real_application.recipe import run_tool
from tests.support.archives import tree_facts

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".cache" / "bench" / "delta"
RESULTS = ROOT / "docs" / "mesures-delta.md"
PAIRS = (
    ("mlflow", "3.16.1", "3.17.0"),
    ("azure-cli", "2.89.1", "2.90.0"),
    ("apache-airflow[amazon,celery,pandas,postgres]", "3.3.1", "3.3.2"),
    ("streamlit", "1.65.0", "1.66.0"),
)
MB = 1e6
_INTRODUCTION = """# Mesures des archives différentielles

Écrit par `python -m benchmarks delta` (paquets `zstd` et `casync`), en un seul passage. Chaque paire est faite de
deux versions consécutives d'une application de PyPI, déballées avec toutes leurs dépendances. La référence est la somme
de `zstd -19 --patch-from` sur les fichiers changés et de `zstd -19` sur les fichiers dont l'ancienne version n'a le
contenu nulle part ; celle de casync est ce qu'il téléchargerait : son index et les morceaux que l'ancienne version n'a
pas. L'arborescence obtenue par l'archive est comparée à celle de l'éditeur, octet pour octet.

Les deux premières paires changent comme le font la plupart des versions : quelques centaines de fichiers, un peu
chacun. Les deux dernières sont des cas difficiles, montrés pour ce qu'ils sont : une interface régénérée en entier, et
de grosses bibliothèques compilées à neuf (celles de `pyarrow`). Ce qui est vraiment nouveau y pèse le plus, pour tous :
l'archive reste plus petite que la somme de `zstd`, mais le cinquième de casync n'y est pas atteint.

"""


@dataclass(frozen=True)
class Cost:
    """Seconds spent, processor seconds among them, and the most memory held by a process and its children, in bytes."""

    seconds: float
    processor: float
    memory: int

    @property
    def cores(self) -> float:
        """How many processors were kept busy, on average."""
        return self.processor / self.seconds


@dataclass(frozen=True)
class Result:
    """What one pair gave; sizes in bytes."""

    title: str
    files: int
    unpacked: int
    changed: int
    new: int
    full: int
    delta: int
    zstd: int
    casync: int
    build: Cost
    apply: Cost


def main() -> int:
    """Measure every pair and write the table."""
    CACHE.mkdir(parents=True, exist_ok=True)
    if not (CACHE / "keys").exists():
        run_tool("ospi-release", "init", str(CACHE / "keys"))
    report = _report([_measure(*pair) for pair in PAIRS])
    RESULTS.write_text(report, encoding="utf-8")
    print(report)
    return 0


def _measure(name: str, old: str, new: str) -> Result:
    first, second = _installed(name, old), _installed(name, new)
    archives = _full(first, old), _full(second, new)
    delta = CACHE / f"{name}.delta.ospi"
    now = datetime.now(UTC)
    build = _cost(build_delta, *archives, CACHE / "keys", now, now + timedelta(days=365), delta)
    before, after = _files(first), _files(second)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        apply = _apply(archives[0], delta, Path(folder), second)
        zstd, changed, fresh = _patches(before, after, Path(folder))
        casync = _casync(first, second, Path(folder))
    return Result(
        title=f"{name} {old} → {new}",
        files=len(after),
        unpacked=sum(path.stat().st_size for path in after.values()),
        changed=changed,
        new=fresh,
        full=archives[1].stat().st_size,
        delta=delta.stat().st_size,
        zstd=zstd,
        casync=casync,
        build=build,
        apply=apply,
    )


def _installed(name: str, version: str) -> Path:
    """The tree of a release from PyPI with its dependencies; made once."""
    target = CACHE / f"{name}-{version}"
    if not target.exists():
        part = target.with_name(f".{target.name}")
        shutil.rmtree(part, ignore_errors=True)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--only-binary=:all:"]
        subprocess.run([*pip, f"--target={part}", f"{name}=={version}"], check=True)
        part.rename(target)
    return target


def _full(tree: Path, version: str) -> Path:
    """The full archive of a release; made once."""
    archive = tree.with_name(f"{tree.name}.ospi")
    if not archive.exists():
        notice = CACHE / "notice.pdf"
        notice.write_bytes(b"%PDF-1.4\n%%EOF\n")
        options = [f"--keys={CACHE / 'keys'}", f"--version={version}", "--product=banc", f"--notice={notice}"]
        run_tool("ospi-release", "build", *options, f"--payload={tree}", "-o", str(archive), timeout=1800)
    return archive


def _cost(action: Callable[..., object], *arguments: object) -> Cost:
    """What `action` costs to a process of its own and that one's children."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    process = multiprocessing.get_context("spawn").Process(target=action, args=arguments)
    process.start()
    assert process.pid is not None
    with family_peak(process.pid) as family:
        process.join()
    assert process.exitcode == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(time.monotonic() - begun, processor, family.together)


def _apply(base: Path, delta: Path, folder: Path, expected: Path) -> Cost:
    """What staging the delta costs, as it does to the worker; the result is checked."""
    _stage(base, folder / "base", None)
    cost = _cost(_stage, delta, folder / "new", folder / "base")
    assert tree_facts(folder / "new") == tree_facts(expected)
    return cost


def _stage(archive: Path, destination: Path, installed: Path | None) -> None:
    base = None if installed is None else InstalledTree(installed, TreeRecord.load(_record(installed)))
    trust = Trust((CACHE / "keys/root.json").read_bytes())
    with Archive.open(archive, trust, datetime.now(UTC)) as opened:
        record = stage(opened, destination, base, progress=lambda _: None, check=lambda: None, hard_links=False)
    record.save(_record(destination))


def _record(tree: Path) -> Path:
    return tree.with_name(f"{tree.name}.record")


def _files(tree: Path) -> dict[Path, Path]:
    return {path.relative_to(tree): path for path in tree.rglob("*") if path.is_file() and not path.is_symlink()}


def _patches(before: dict[Path, Path], after: dict[Path, Path], folder: Path) -> tuple[int, int, int]:
    """Bytes of `zstd -19 --patch-from` over the changed files and of the new ones at -19, and how many there are."""
    changed = [name for name in after if name in before and not filecmp.cmp(before[name], after[name], shallow=False)]
    fresh = _unseen(before, [after[name] for name in after if name not in before])

    def size(job: tuple[Path, Path | None]) -> int:
        file, base = job
        options = [] if base is None else [f"--patch-from={base}"]
        command = ["zstd", "-19", "--quiet", "--stdout", "--long=27", *options, str(file)]
        with tempfile.TemporaryFile(dir=folder) as output:
            subprocess.run(command, stdout=output, stderr=subprocess.PIPE, check=True)
            return os.fstat(output.fileno()).st_size

    jobs: list[tuple[Path, Path | None]] = [(after[name], before[name]) for name in changed]
    jobs += [(file, None) for file in fresh]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return sum(pool.map(size, jobs)), len(changed), len(fresh)


def _unseen(before: dict[Path, Path], files: list[Path]) -> list[Path]:
    """Those of `files` whose contents the old release has nowhere: what was only moved costs nobody anything."""
    known = {_sha256(path) for path in before.values()}
    return [file for file in files if _sha256(file) not in known]


def _sha256(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _casync(first: Path, second: Path, folder: Path) -> int:
    """Bytes that `casync` fetches: the new release's index, and the chunks that the old one has not."""
    store, options = folder / "store", ["--without=all", "--with=permissions", "--with=symlinks"]
    sizes = []
    for number, tree in enumerate((first, second)):
        index = folder / f"{number}.caidx"
        command = ["casync", "make", *options, f"--store={store}", str(index), str(tree)]
        subprocess.run(command, stdout=subprocess.PIPE, check=True)
        sizes.append(sum(path.stat().st_size for path in store.rglob("*.cacnk")))
    return sizes[1] - sizes[0] + index.stat().st_size


def _report(results: list[Result]) -> str:
    lines = [
        "| mesure | " + " | ".join(result.title for result in results) + " | but |",
        "|---" * (len(results) + 2) + "|",
    ]
    rows: list[tuple[str, str, Callable[[Result], str]]] = [
        ("fichiers", "", lambda r: f"{r.files}"),
        ("taille déballée (Mo)", "", lambda r: f"{r.unpacked / MB:.0f}"),
        ("fichiers changés, nouveaux", "", lambda r: f"{r.changed}, {r.new}"),
        ("archive complète (Mo)", "", lambda r: f"{r.full / MB:.1f}"),
        ("archive différentielle (Mo)", "", lambda r: f"{r.delta / MB:.3f}"),
        ("zstd (Mo)", "", lambda r: f"{r.zstd / MB:.3f}"),
        ("casync (Mo)", "", lambda r: f"{r.casync / MB:.3f}"),
        ("rapport à zstd", "≤ 1.2", lambda r: f"{r.delta / r.zstd:.2f}"),
        ("rapport à casync", "≤ 0.20", lambda r: f"{r.delta / r.casync:.2f}"),
        ("construction (s), cœurs occupés", "", lambda r: f"{r.build.seconds:.0f}, {r.build.cores:.1f}"),
        ("mémoire de la construction (Mo)", "≤ 1000", lambda r: f"{r.build.memory / MB:.0f}"),
        ("application (s)", "", lambda r: f"{r.apply.seconds:.1f}"),
        ("mémoire de l'application, enfants compris (Mo)", "≤ 256", lambda r: f"{r.apply.memory / MB:.0f}"),
    ]
    for title, goal, value in rows:
        lines.append(f"| {title} | " + " | ".join(value(result) for result in results) + f" | {goal} |")
    return _INTRODUCTION + "\n".join(lines) + "\n"
