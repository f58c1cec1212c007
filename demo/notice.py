"""A small PDF writer, for the demonstration's notices and documents: pages of text, in the PDF's own fonts."""

from collections.abc import Sequence
from pathlib import Path

WIDTH, HEIGHT = 595, 842  # A4, in points
MARGIN, LEADING = 64, 18
TITLE, HEADING, TEXT = 20, 13, 11


def write_pdf(path: Path, pages: Sequence[Sequence[str]]) -> None:
    """Write `pages`: of each, the first line is its title; a line that begins with « # » is a heading.

    Lines are not wrapped. Characters are those of WinAnsi (Windows-1252), which holds all of French.
    """
    kids = " ".join(f"{5 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /Lang (fr-FR) >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode("ascii"),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
    ]
    for number, lines in enumerate(pages):
        content = _content(lines)
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {WIDTH} {HEIGHT}] /Contents {6 + 2 * number} 0 R"
            " /Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> >>".encode("ascii")
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
    path.write_bytes(_document(objects))


def _content(lines: Sequence[str]) -> bytes:
    """The drawing of one page."""
    parts = [b"BT", b"%d %d Td" % (MARGIN, HEIGHT - MARGIN - TITLE), _line(lines[0], "F2", TITLE)]
    gap = 2 * LEADING
    for line in lines[1:]:
        heading = line.startswith("# ")
        if heading:
            gap += LEADING // 2
        parts.append(b"0 -%d Td" % gap)
        parts.append(_line(line.removeprefix("# "), "F2" if heading else "F1", HEADING if heading else TEXT))
        gap = LEADING
    return b"\n".join([*parts, b"ET"])


def _line(text: str, font: str, size: int) -> bytes:
    escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return b"/%s %d Tf (%s) Tj" % (font.encode("ascii"), size, escaped.encode("cp1252"))


def _document(objects: Sequence[bytes]) -> bytes:
    """The whole file: header, numbered objects, the table of their offsets."""
    body = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    head = b"xref\n0 %d\n0000000000 65535 f \n" % size
    tail = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, len(body))
    return body + head + table + tail


def write_notice(path: Path, version: str) -> None:
    """The notice of the portal's release `version`."""
    write_pdf(
        path,
        [
            [
                f"Notice de la version {version}",
                "Portail BI, plateforme de démonstration du Groupe OSPI",
                "",
                "# Ce que cette version apporte",
                "• La durée moyenne de séjour par niveau de sévérité, sur le tableau de bord.",
                "• Un référentiel national de comparaison mis à jour.",
                "• Un catalogue des documents déposés, avec leur empreinte.",
                "",
                "# Avant de commencer",
                "• La plateforme doit être en version 10.0.0 au minimum.",
                "• Ne décompressez pas le fichier : il est déjà au bon format.",
                "• Prévenez les utilisateurs : une page de maintenance s'affiche pendant",
                "   la migration des données.",
            ],
            [
                "Déroulement",
                "Durée moyenne d'exécution : une à plusieurs heures (quelques secondes ici).",
                "",
                "# Pendant la mise à jour",
                "• Une sauvegarde automatique des données est d'abord réalisée.",
                "• Ne redémarrez jamais le serveur au milieu d'une mise à jour.",
                "• Suivez l'avancement dans l'onglet Suivi de Superviseur.",
                "",
                "# En cas de souci",
                "Contactez le support du Groupe OSPI : support@ospi.fr, 04 26 10 06 36.",
            ],
        ],
    )
