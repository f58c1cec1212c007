"""What the bytes of an archive that are there tell of it: the verdict on its header, and its members' proof."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from ospi_supervisor.archive.header import Header, prove, read_header
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.domain.prerequisites import Judgement, Verdict
from ospi_supervisor.files import open_regular
from ospi_supervisor.store.web_rows import UploadRow

NOTICE = "notice.pdf"

Judge = Callable[[Header, int], list[Judgement]]
"""Gives the prerequisites' verdicts on an archive of which so many bytes are still to arrive; RefusedError where the
release is refused altogether."""


class Examiner:
    """Reads and judges uploads. A header that was read is kept in memory until it is forgotten."""

    def __init__(
        self,
        *,
        trust: Callable[[], Trust],
        judge: Judge,
        clock: Callable[[], datetime],
    ) -> None:
        self._trust = trust
        self._judge = judge
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

    def findings(self, row: UploadRow, path: Path, offset: int) -> dict[str, Any]:
        """What the first `offset` bytes in `path` change of the upload; RefusedError where they refuse the archive."""
        with open_regular(path) as file:
            header = self.header(row, file, offset)
            if header is None:
                return {}
            found: dict[str, Any] = {"proven": prove(file, header, row.proven, offset)}
        if row.verdict == "pending":
            found |= self._first_verdict(header, row.size - offset)
        return found

    def forget(self, upload_id: str) -> None:
        """Keep nothing of that upload."""
        self._headers.pop(upload_id, None)

    def _first_verdict(self, header: Header, to_come: int) -> dict[str, Any]:
        judgements = self._judge(header, to_come)
        refused = [judgement for judgement in judgements if judgement.verdict is Verdict.REFUSED]
        return {
            "verdict": "refused" if refused else "accepted",
            "code": "prerequisites" if refused else None,
            "reasons": [_reason(judgement) for judgement in refused],
            "release": asdict(header.summary),
            "prerequisites": [asdict(judgement) for judgement in judgements],
            "notice_sha256": header.member(NOTICE).sha256,
        }


def _reason(judgement: Judgement) -> str:
    return f"{judgement.label} : {judgement.measured}, requis : {judgement.required}. {judgement.remedy}"
