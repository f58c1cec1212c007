"""What tests do with « Activation par Internet » and with what its pages ask of the worker."""

from datetime import timedelta
from typing import Any

from tests.support.site import Site, now

ACTIVATION = "mises-a-jour/activation"
LINKS = ("name", "tcp", "proxy", "tls", "http", "metadata")


def asked(site: Site) -> Any:
    """The latest request made of the worker."""
    return site.operations.web.requests_after(0)[-1]


def a_check(broken: str = "", error: str = "", remedy: str = "") -> dict[str, Any]:
    """What the worker records of a check, `broken` at one link."""
    links = [
        {
            "name": name,
            "label": name,
            "seconds": 0.004,
            "detail": "bien",
            "error": error if name == broken else "",
            "remedy": remedy if name == broken else "",
        }
        for name in LINKS
    ]
    return {
        "at": now().isoformat(),
        "repository": "https://api.r9-pmsipilot.com/repository/",
        "links": links,
        "error": error,
        "fresh_until": None if error else (now() + timedelta(days=5)).isoformat(),
        "available": None if error else {"version": "11.6.0", "kind": "delta", "base": "11.5.0", "size": 6_300_000},
    }
