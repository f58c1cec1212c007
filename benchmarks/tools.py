"""The rows of `make bench` in which a command stands beside a command: build, delta, status, a first backup."""

import json
import os
import random
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks import site
from benchmarks.pairs import Cost, Row, cost, interleaved
from tests.real_application.recipe import run_tool

LEVEL = 9
"""The level at which packs are compressed, and so the peer."""
CHANGED, BLOCK = 0.01, 4096
SWUPDATE_ATTEMPTS = 3
PROOF_LIMIT = "tout ce qui est sauvegardé est relu, et prouvé, avant d'être dit sauvegardé"
BACK_LIMIT = "ce qui revient est prouvé et durable, le service arrêté puis relancé"
BUILD_LIMIT = "chaque fichier est aussi haché, et décrit dans un index signé"
TELLING_LIMIT = "l'interpréteur et click, puis lire la configuration et la base"


def tool(name: str, *words: object) -> list[str]:
    """One of the program's commands."""
    return [str(Path(sys.executable).with_name(name)), *map(str, words)]


def building(folder: Path, keys: Path, tree: Path, version: str) -> list[str]:
    """The command that builds the full archive of `tree`."""
    notice = folder / "notice.pdf"
    notice.write_bytes(b"%PDF-1.4\n%%EOF\n")
    options = [f"--keys={keys}", f"--product={site.PRODUCT}", f"--version={version}", "--requires=>=0.1"]
    return tool(
        "ospi-release", "build", *options, f"--payload={tree}", f"--notice={notice}", "-o", _full(folder, version)
    )


def _full(folder: Path, version: str) -> Path:
    return folder / f"{version}.ospi"


def release_rows(folder: Path, keys: Path, first: Path, second: Path, pairs: int) -> Iterator[Row]:
    """Row 10: a build beside `tar` and `zstd` on all cores, a delta beside the two builds that it comes from."""
    tar = ["sh", "-c", f"tar -C {second} -cf - . | zstd -q -{LEVEL} -T0 -f -o {folder}/peer.tar.zst"]
    build = building(folder, keys, second, site.NEW)
    ours, peer = interleaved(lambda: cost(build), lambda: cost(tar), pairs)
    yield Row("10", "build, complète", f"`tar` et `zstd -{LEVEL} -T0`", 1.1, ours, peer, reason=BUILD_LIMIT)

    def both() -> Cost:
        costs = [cost(building(folder, keys, first, site.OLD)), cost(build)]
        return Cost(
            *(sum(getattr(one, name) for one in costs) for name in ("seconds", "processor", "memory", "written"))
        )

    delta = tool("ospi-release", "delta", f"--keys={keys}", _full(folder, site.OLD), _full(folder, site.NEW))
    both()
    ours, peer = interleaved(lambda: cost([*delta, "-o", f"{folder}/delta.ospi"]), both, pairs)
    yield Row("10", "delta, 4 % des fichiers", "les deux builds", 0.8, ours, peer, reason=BUILD_LIMIT)


def delta_of(folder: Path, first: Path, full: Path) -> Path:
    """The delta that leads from the tree `first` to the archive `full`, with the keys in `folder`; made once there."""
    made = folder / "delta.ospi"
    if not made.exists():
        keys = folder / "keys"
        cost(building(folder, keys, first, site.OLD))
        cost(tool("ospi-release", "delta", f"--keys={keys}", _full(folder, site.OLD), full, "-o", made))
    return made


def long_file_row(folder: Path, keys: Path, megabytes: int) -> Row:
    """Row 11: one block in a hundred of a long file changed; what the delta weighs beside the file, times 0.3 / 4.4."""
    chance = random.Random(4)
    for name in ("old", "new"):
        (folder / name).mkdir(parents=True)
    with (folder / "old/base.bin").open("wb") as old, (folder / "new/base.bin").open("wb") as new:
        for _ in range(megabytes * 1_000_000 // BLOCK):
            block = chance.randbytes(BLOCK)
            old.write(block)
            new.write(chance.randbytes(BLOCK) if chance.random() < CHANGED else block)
    for name, version in (("old", site.OLD), ("new", site.NEW)):
        cost(building(folder, keys, folder / name, version))
    delta = folder / "delta.ospi"
    ours = cost(
        tool("ospi-release", "delta", f"--keys={keys}", _full(folder, site.OLD), _full(folder, site.NEW), "-o", delta)
    )
    ours = Cost(ours.seconds, ours.processor, ours.memory, delta.stat().st_size)
    whole = Cost(0.0, written=(folder / "new/base.bin").stat().st_size)
    work = f"delta, 1 % d'un fichier de {megabytes} Mo (octets de la différentielle)"
    return Row("11", work, "le fichier", 0.3 / 4.4, [ours], [whole], of=lambda one: one.written)


def shell_rows(config: Path, pairs: int) -> Iterator[Row]:
    """Row 9: processor seconds of commands that only tell; beside click alone, whose 0.04 s the goal stands for."""
    click = [sys.executable, "-c", "import click; click.command()(lambda: None).main([], standalone_mode=False)"]
    for words in (["--help"], ["status"]):
        command = tool("ospi-supervisor", "--config", config, *words)
        ours, peer = interleaved(lambda command=command: cost(command), lambda: cost(click), pairs)  # type: ignore[misc]
        yield Row(
            "9",
            f"`{words[0]}` (processeur)",
            "click seul",
            3.0,
            ours,
            peer,
            of=lambda one: one.processor,
            reason=TELLING_LIMIT,
        )


def backup_rows(server: site.Site, data: Path, folder: Path, pairs: int) -> Iterator[Row]:
    """Row 6: a first backup beside restic's; then each brings back all the documents, of which nothing is left."""
    kept = {"RESTIC_PASSWORD": "mesure", "RESTIC_REPOSITORY": str(folder / "restic"), "HOME": str(folder)}
    documents = server.root / "data/documents"
    shutil.copytree(data, documents, symlinks=True)

    def theirs() -> Cost:
        shutil.rmtree(folder / "restic", ignore_errors=True)
        cost(["restic", "init"], env=kept)
        return cost(["sh", "-c", f"restic backup --quiet --no-cache {server.root}/data && sync -f {folder}"], env=kept)

    def ours() -> Cost:
        return cost(tool("ospi-supervisor", "--config", server.config, "backup", "create"))

    found = interleaved(ours, theirs, pairs)
    yield Row("6", "première sauvegarde", "restic", 0.5, *found, reason=PROOF_LIMIT)
    listed = run_tool("ospi-supervisor", "--config", str(server.config), "backup", "list", "--json")
    newest = str(json.loads(listed)[-1]["id"])

    def theirs_back() -> Cost:
        shutil.rmtree(folder / "back", ignore_errors=True)
        command = f"restic restore --quiet --no-cache latest --target {folder}/back && sync -f {folder}"
        return cost(["sh", "-c", command], env=kept)

    def ours_back() -> Cost:
        shutil.rmtree(documents)
        return cost(tool("ospi-supervisor", "--config", server.config, "backup", "restore", newest, "--yes"))

    found = interleaved(ours_back, theirs_back, pairs)
    yield Row("6", "restauration, rien n'étant resté", "restic", 0.6, *found, reason=BACK_LIMIT)


def swupdate_cost(command: list[str], target: Path) -> Cost:
    """What SWUpdate's installation costs, durable at its end.

    On a busy machine it ends at times with status 1 after it said that it was successful: it is then run anew.
    """
    for attempts_left in reversed(range(SWUPDATE_ATTEMPTS)):
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        try:
            begun = cost(command)
            break
        except RuntimeError:
            if not attempts_left:
                raise
    synced = cost(["sync", "-f", str(target)])
    return Cost(begun.seconds + synced.seconds, begun.processor + synced.processor, begun.memory, begun.written)


def install_missing() -> None:
    """restic and SWUpdate, where this is root on Debian; RuntimeError where they are needed and cannot be had."""
    missing = [name for name in ("restic", "swupdate") if shutil.which(name) is None]
    if missing and (os.geteuid() != 0 or shutil.which("apt-get") is None):
        raise RuntimeError(f"install {' and '.join(missing)} first")
    if missing:
        quietly = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}  # no service is started
        cost(["apt-get", "update", "-qq"], env=quietly)
        cost(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing], env=quietly)


def make_keys(folder: Path) -> Path:
    """A vendor's keys."""
    run_tool("ospi-release", "init", str(folder / "keys"))
    return folder / "keys"
