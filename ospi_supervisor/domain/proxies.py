"""The reverse proxies whose configuration is written: `platform/templates/NAME.conf` has each."""

from typing import Literal, get_args

Kind = Literal["nginx", "apache", "caddy", "haproxy"]
KINDS: tuple[Kind, ...] = get_args(Kind)
