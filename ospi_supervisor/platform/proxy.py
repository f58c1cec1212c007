"""The reverse proxy's configuration, complete, from this server's own: nginx, Apache or Caddy.

All three do the same: the maintenance page while the flag is there, without reload, even with every Python process
dead; the supervisor always; the platform otherwise. `docs/deploiement.md` says where each file goes.
"""

import ipaddress
from typing import Literal
from urllib.parse import urlsplit

from ospi_supervisor.config import Config
from ospi_supervisor.platform.templates import template

Kind = Literal["nginx", "apache", "caddy"]

RETRY_AFTER_SECONDS = 30
SLICE_MIB = 9
"""A slice of the resumable upload is 8 MiB at most; the limit lies a little above."""
FORM_MIB = 65
"""The plain form takes archives of 64 MiB at most; the limit leaves room for the form itself."""

_TEMPLATES = {"nginx": "nginx.conf", "apache": "apache.conf", "caddy": "Caddyfile"}


def render_proxy(kind: Kind, config: Config) -> str:
    """The configuration of one reverse proxy.

    The public address gives the host name, the port and whether TLS ends here; the platform's own address is that
    of its health check.
    """
    public = urlsplit(config.platform.public_url)
    health = urlsplit(config.platform.health_url)
    host = public.hostname or "localhost"
    tls = public.scheme == "https"
    port = public.port or (443 if tls else 80)
    address = host if _is_address(host) else None
    return template(_TEMPLATES[kind]).render(
        name=config.platform.name,
        host=host,
        tls=tls,
        listen=f"{address}:{port}" if address else port,
        virtual_host=f"{address or '*'}:{port}",
        site=f"{public.scheme}://{host}:{port}",
        bind=address,
        prefix=config.supervisor.url_prefix,
        supervisor=f"http://{config.supervisor.listen}",
        platform=f"{health.scheme}://{health.netloc}",
        platform_websocket=f"{'wss' if health.scheme == 'https' else 'ws'}://{health.netloc}",
        flag=config.maintenance.flag,
        flag_dir=config.maintenance.flag.parent,
        flag_name=config.maintenance.flag.name,
        page_dir=config.maintenance.page_dir,
        retry_after=RETRY_AFTER_SECONDS,
        slice_mib=SLICE_MIB,
        form_mib=FORM_MIB,
        max_archive_bytes=config.supervisor.max_archive_bytes,
    )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
