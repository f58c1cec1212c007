"""`python -m tests.archive.hostile_reading FOLDER` reads each archive in FOLDER as an import and an installation do,
and prints for each one JSON line: what it said, and what it cost.
"""

import json
import resource
import sys
import time
import traceback
from pathlib import Path

from ospi_supervisor.archive.header import prove
from ospi_supervisor.archive.reader import Archive
from ospi_supervisor.archive.staging import stage
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.errors import SupervisorError
from tests.archive.hostile_vendor import ROOT
from tests.support import archives


def read(path: Path, trust: Trust, staging: Path) -> str:
    """Read the archive in `path` as the supervisor does, to its installation in `staging`; what was said."""
    try:
        with Archive.open(path, trust, archives.NOW) as archive:
            prove(archive.file, archive.header, 0, archive.header.size)
            stage(archive, staging, None, progress=lambda _: None, check=lambda: None, hard_links=False)
    except SupervisorError as error:
        return f"refused: {error}"
    except Exception:  # noqa: BLE001 - the very thing that is looked for
        return f"not ours: {traceback.format_exc()}"
    return "accepted"


def _cost() -> tuple[float, int]:
    """Processor seconds, and the most memory in MiB, of this process and its children."""
    theirs = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = time.process_time() + theirs.ru_utime + theirs.ru_stime
    return seconds, max(own_peak(), theirs.ru_maxrss) // 1024


def own_peak() -> int:
    """The most memory of this program, in KiB: `ru_maxrss` counts what the process that started it had, too."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0])


def main() -> None:
    """Read every archive of the folder named in the arguments, beside `root.json`."""
    folder = Path(sys.argv[1])
    trust = Trust((folder / ROOT).read_bytes())
    for path in sorted(folder.glob("*.ospi")):
        before, _ = _cost()
        said = read(path, trust, folder / "out" / "staging")
        after, mebibytes = _cost()
        found = sorted(str(item.relative_to(folder)) for item in (folder / "out").iterdir())
        line = {"name": path.stem, "said": said, "seconds": after - before, "mebibytes": mebibytes, "found": found}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
