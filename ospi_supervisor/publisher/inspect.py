"""Looking into an archive without knowing whom to trust."""

from pathlib import Path

from ospi_supervisor.archive import layout
from ospi_supervisor.archive.metadata import decode_root
from ospi_supervisor.archive.refusals import altered, refusal


def first_root(path: Path) -> bytes:
    """The first root metadata that the archive in `path` itself brings; ArchiveError where it is no archive.

    Good for describing an archive, never for accepting one.
    """
    with path.open("rb") as file:
        block = file.read(layout.BLOCK)
        found = layout.parse_block(block)
        if found is None or found[0] != layout.root_name(1):
            raise refusal(block, len(block) < layout.BLOCK)
        if found[1] > layout.MAX_ROOT:
            raise altered(found[0], "longueur excessive")
        root = file.read(found[1])
    decode_root(found[0], root)  # nobody has proven it: what is odd costs nothing more
    return root
