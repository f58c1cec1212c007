"""What the phases share about the release being installed: its manifest, and the account that it runs under."""

import pwd

import msgspec

from ospi_supervisor.archive.header import Header
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.domain.manifest import Manifest
from ospi_supervisor.phases.base import Facts, Run

INTERPRETERS = "interpreters"
"""The fact of `verify` that says, by hook, what the first line asks the machine for."""


SEALED = "sealed"
"""The fact of `stage` that nothing but root can write to the release's files."""


def manifest_facts(manifest: Manifest) -> Facts:
    """The manifest as facts of `verify`, so that later phases need the archive no more."""
    facts: Facts = msgspec.to_builtins(manifest)
    return facts


def archive_facts(header: Header) -> Facts:
    """What `verify` records of a proven archive."""
    return {
        "product": header.manifest.product,
        "version": header.manifest.version,
        "manifest": manifest_facts(header.manifest),
        "size": header.size,
        "expired": header.summary.expired,
    }


def manifest_of(run: Run) -> Manifest:
    """The manifest that `verify` proved."""
    return msgspec.convert(run.facts(Phase.VERIFY)["manifest"], Manifest)


def account_ids(account: str | None) -> tuple[int, int] | None:
    """The user and group numbers of the platform's account, or None where it is the worker's own."""
    if account is None:
        return None
    entry = pwd.getpwnam(account)
    return entry.pw_uid, entry.pw_gid
