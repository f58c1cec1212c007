"""What is installed: the tree of a release of the program, the same in the one file and in its `.ospi`."""

import shutil
from pathlib import Path

HERE = Path(__file__).resolve().parent
TRUST = {"1.root.json": "root.json", "support.pub.pem": "support.pub.pem"}
"""What a hospital is handed of the vendor's keys, and under which names."""
PROGRAM = "10-programme"
"""The hook that makes a release's Python environment."""
EXECUTABLE = (f"hooks/{PROGRAM}", "bin/ospi-supervisor", "bin/change-version")


def lay_out(folder: Path, wheels: Path, own: Path) -> Path:
    """The release's tree in `folder`, from the sorted `wheels` and the program's `own`; returns it."""
    shutil.copytree(HERE / "release", folder)
    for name in EXECUTABLE:
        (folder / name).chmod(0o755)  # whatever the mask was under which this repository was cloned
    shutil.copytree(wheels, folder / "wheels")
    shutil.copyfile(own, folder / "wheels" / "any" / own.name)
    return folder


def lay_out_settings(folder: Path, keys: Path) -> None:
    """What a first installation puts into `/etc`: the configuration to complete, and the public half of `keys`."""
    shutil.copytree(HERE / "etc", folder)
    for name, given in TRUST.items():
        shutil.copyfile(keys / name, folder / given)
