"""French typography: sources are written with plain spaces, and readers get those that no line breaks at.

Pages and mails are typeset as they leave; what programs and terminals read keeps its plain spaces.
"""

import re

NARROW, WIDE = "\u202f", "\u00a0"
UNITS = "%|Go|Mo|ko|Gio|Mio|Kio|octets?|h|min|s|ms"
_NARROW = re.compile(r"(?<!\s) (?=[;!?](?!\w))")
_WIDE = re.compile(
    rf"(?<!\s) (?=:(?:\s|$)|»)|(?<=«) (?=\S|$)|(?<=n°) (?=\d)|(?<=\d) (?=(?:{UNITS}|\d\d\d?)(?!\w))",
)
_PIECES = re.compile(
    r"<!--.*?-->|<(code|kbd|pre|script|style|svg|textarea)\b.*?</\1\s*>|</?[a-z!][^>]*>", re.DOTALL | re.IGNORECASE
)
_ATTRIBUTES = re.compile(r'(?<=\s)((?:alt|aria-label|data-title|placeholder|title)=")([^"]*)(?=")')


def typeset(text: str) -> str:
    """`text` with the spaces that French puts before `: ; ! ? »`, after `«` and before a unit made unbreakable."""
    return _WIDE.sub(WIDE, _NARROW.sub(NARROW, text))


def _typeset_attribute(found: re.Match[str]) -> str:
    return found[1] + typeset(found[2])


def typeset_html(html: str) -> str:
    """A page, or a part of one, with its words typeset: texts, and the attributes that are shown or read out. What
    is to be copied letter by letter (`code`, `pre`, `textarea`…) and every other attribute stay as they are."""
    typeset_pieces, end = [], 0
    for piece in _PIECES.finditer(html):
        text, tag = html[end : piece.start()], piece[0]
        typeset_pieces.append(text if text.isspace() else typeset(text))
        typeset_pieces.append(_ATTRIBUTES.sub(_typeset_attribute, tag) if '="' in tag else tag)
        end = piece.end()
    typeset_pieces.append(typeset(html[end:]))
    return "".join(typeset_pieces)
