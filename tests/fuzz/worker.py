"""One parser under atheris, until it crashes or was executed often enough; the arguments are libFuzzer's."""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["ospi_supervisor"]):
    from tests.fuzz.targets import TARGETS

FOLDER = Path(".fuzz")
LONGEST = 16 * 1024


def _quoted(word: bytes) -> str:
    """A line of a dictionary."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n'


def main() -> None:
    """Fuzz the parser named in the first argument."""
    name, target = sys.argv[1], TARGETS[sys.argv[1]]
    corpus = FOLDER / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    dictionary = FOLDER / f"{name}.dict"
    dictionary.write_text("".join(map(_quoted, target.words)))
    limits = [f"-dict={dictionary}", f"-max_len={LONGEST}", "-timeout=10", "-rss_limit_mb=512", "-print_final_stats=1"]
    options = [f"-artifact_prefix={FOLDER}/{name}-", *limits, *sys.argv[2:]]
    atheris.Setup([sys.argv[0], str(corpus), *options], target)
    atheris.Fuzz()


main()
