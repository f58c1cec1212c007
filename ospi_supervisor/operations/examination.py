"""What the bytes of an archive that are there tell of it: the verdict on its header, and its members' proof."""

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from ospi_supervisor.archive.header import Header, prove, read_header
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.domain.prerequisites import Judgement, Verdict
from ospi_supervisor.store.web_rows import UploadRow
from ospi_supervisor.system.files import open_regular

NOTICE = "notice.pdf"

Verdicts = Callable[[Header, int], list[Judgement]]
"""Gives the prerequisites' verdicts on an archive for which so many bytes of room are still to be found; RefusedError
where the release is refused altogether."""


class Examiner:
    """Reads and judges uploads. A header that was read is kept in memory until it is forgotten."""

    def __init__(
        self,
        *,
        trust: Callable[[], Trust],
        verdicts: Verdicts,
        clock: Callable[[], datetime],
    ) -> None:
        self._trust = trust
        self._verdicts = verdicts
        self._clock = clock
        self._headers: dict[str, Header] = {}

    def header(self, row: UploadRow, file: BinaryIO, available: int) -> Header | None:
        """The header, proven; None while its `available` bytes do not hold all of it. RefusedError where it is bad."""
        header = self._headers.get(row.id)
        if header is None:
            header = read_header(file, available, row.size, self._trust(), self._clock())
            if header is not None:
                self._headers[row.id] = header
        return header

    def findings(self, row: UploadRow, path: Path, offset: int) -> dict[str, object]:
        """What the first `offset` bytes in `path` change of the upload; RefusedError where they refuse the archive."""
        with open_regular(path) as file:
            header = self.header(row, file, offset)
            if header is None:
                return {}
            found: dict[str, object] = {"proven": prove(file, header, row.proven, offset)}
            has_room = os.fstat(file.fileno()).st_blocks * 512  # kept for it, or filled
        if row.verdict == "pending":
            found |= self._first_verdict(header, max(0, row.size - max(offset, has_room)))
        return found

    def forget(self, upload_id: str) -> None:
        """Keep nothing of that upload."""
        self._headers.pop(upload_id, None)

    def _first_verdict(self, header: Header, to_come: int) -> dict[str, object]:
        judgements = self._verdicts(header, to_come)
        refused = [judgement for judgement in judgements if judgement.verdict is Verdict.REFUSED]
        return {
            "verdict": "refused" if refused else "accepted",
            "code": "prerequisites" if refused else None,
            "reasons": [_reason(judgement) for judgement in refused],
            "release": header.summary,
            "prerequisites": tuple(judgements),
            "notice_sha256": header.member(NOTICE).sha256,
        }


def _reason(judgement: Judgement) -> str:
    return f"{judgement.label} : {judgement.measured}, requis : {judgement.required}. {judgement.remedy}"
