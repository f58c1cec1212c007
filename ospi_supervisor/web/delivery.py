"""How answers leave: typeset, packed; static files at addresses that name their contents, which browsers keep."""

import gzip
import hashlib
from pathlib import Path

from flask import Flask, Response, request

from ospi_supervisor.domain.typography import typeset_html

STATIC = "static"
YEAR = 365 * 24 * 3600
PACKED = ("text/html", "text/css", "text/javascript", "application/javascript", "image/svg+xml")
"""What is packed. Streams of events are not: a packer would hold them back."""

WORTH_BYTES = 600


def static_address(folder: Path) -> str:
    """Where the files of `folder` are served: one name for all of them, so that scripts find each other beside them,
    and another one as soon as a byte of any has changed."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return f"/{STATIC}/{digest.hexdigest()[:12]}"


def init_app(app: Flask) -> None:
    """Say how long each answer may be kept, and pack what browsers take packed."""
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = YEAR
    app.after_request(pack)
    app.after_request(say_how_long)
    app.after_request(typeset_page)


def typeset_page(response: Response) -> Response:
    """Every page, and every part of one that a script asks for, with French typography."""
    if response.mimetype == "text/html" and not response.is_streamed:
        response.set_data(typeset_html(response.get_data(as_text=True)))
    return response


def say_how_long(response: Response) -> Response:
    """Static files for ever; nothing else is kept."""
    if request.endpoint == STATIC and response.status_code in (200, 206, 304):
        response.cache_control.immutable = True
    else:
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def pack(response: Response) -> Response:
    """Text for a browser that takes gzip. What a page holds of secrets, its token, is signed anew each second: its
    packed length tells nobody anything (docs/securite.md)."""
    if response.status_code != 200 or response.mimetype not in PACKED or request.method != "GET":
        return response
    response.vary.add("Accept-Encoding")
    if not request.accept_encodings.quality("gzip"):
        return response
    response.direct_passthrough = False
    body = response.get_data()
    if len(body) >= WORTH_BYTES:
        response.set_data(gzip.compress(body, compresslevel=6, mtime=0))
        response.content_encoding = "gzip"
        response.headers.pop("ETag", None)  # it named the file's own bytes
    return response
