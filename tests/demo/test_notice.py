"""The PDF writer: what it makes is a PDF whose text can be read again."""

import re
from pathlib import Path

from demo.notice import write_notice, write_pdf


def test_every_object_stands_where_the_table_says(tmp_path: Path) -> None:
    write_notice(tmp_path / "notice.pdf", "11.6.0")
    data = (tmp_path / "notice.pdf").read_bytes()
    start = int(re.search(rb"startxref\n(\d+)\n%%EOF\n$", data)[1])  # type: ignore[index]
    assert data[start:].startswith(b"xref\n")
    offsets = [int(found) for found in re.findall(rb"(\d{10}) 00000 n ", data[start:])]
    for number, offset in enumerate(offsets, start=1):
        assert data[offset:].startswith(b"%d 0 obj\n" % number)
    assert len(re.findall(rb"/Type /Page ", data)) == 2


def test_streams_have_their_announced_length(tmp_path: Path) -> None:
    write_notice(tmp_path / "notice.pdf", "11.6.0")
    data = (tmp_path / "notice.pdf").read_bytes()
    streams = re.findall(rb"/Length (\d+) >>\nstream\n(.*?)\nendstream", data, re.DOTALL)
    assert [int(length) for length, _ in streams] == [len(content) for _, content in streams]


def test_french_is_encoded_and_delimiters_are_escaped(tmp_path: Path) -> None:
    write_pdf(tmp_path / "x.pdf", [["Été : l'œuvre (50 %) \\ fin"]])
    expected = r"(Été : l'œuvre \(50 %\) \\ fin) Tj".encode("cp1252")
    assert expected in (tmp_path / "x.pdf").read_bytes()
