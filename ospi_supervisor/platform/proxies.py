"""The reverse proxy's configuration, complete, from this server's own: nginx, Apache, Caddy or HAProxy.

All of them do the same: the maintenance page while the flag is there, without reload, even with every Python process
dead; the supervisor always; the platform otherwise. `docs/deploiement.md` says where each file goes.
"""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from ospi_supervisor.config.tables import Config
from ospi_supervisor.domain.limits import FORM_MAX_BYTES, MIB, SLICE_MAX_BYTES
from ospi_supervisor.domain.proxies import Kind
from ospi_supervisor.platform.invitations import COOKIE
from ospi_supervisor.platform.templates import template

RETRY_AFTER_SECONDS = 30
SLICE_MIB = SLICE_MAX_BYTES // MIB + 1
"""A slice of the resumable upload; the limit lies a little above."""
FORM_MIB = FORM_MAX_BYTES // MIB + 1
"""The plain form's archive; the limit leaves room for the form itself."""

ANYBODY_KIB = 64
"""What any other address of the supervisor takes, `web.serving.body_limits` alike."""
HEAD_SECONDS = 20
"""How long a head may take, and a body may bring nothing."""
SENDERS = 50
"""How many bodies of one address a proxy awaits before it leaves them to the supervisor."""
KEPT_SECONDS = 60
"""How long a proxy keeps a connection to the supervisor that nothing goes over: less than waitress' 120 s."""
WORKERS, THREADS_PER_CHILD = 1000, 100
"""How many requests Apache holds at a time: each slow one holds a thread until its time is over. Processes begin one by
one, then two, then four each second: each has many threads."""


@dataclass(frozen=True)
class VirtualSite:
    """One public address: `origin` as browsers write it, and the forms that the configurations take it in."""

    origin: str
    host: str
    tls: bool
    listen: str | int
    virtual_host: str
    site: str
    bind: str | None

    @classmethod
    def of(cls, address: str) -> "VirtualSite":
        """The site at the address (`https://HOST[:PORT]/…`)."""
        parts = urlsplit(address)
        host, tls = parts.hostname or "localhost", parts.scheme == "https"
        port = parts.port or (443 if tls else 80)
        bind = host if _is_address(host) else None
        return cls(
            origin=f"{parts.scheme}://{parts.netloc}",
            host=host,
            tls=tls,
            listen=f"{bind}:{port}" if bind else port,
            virtual_host=f"{bind or '*'}:{port}",
            site=f"{parts.scheme}://{host}:{port}",
            bind=bind,
        )


def render_proxy(kind: Kind, config: Config) -> str:
    """The configuration of one reverse proxy.

    The public addresses give the host names, the ports and whether TLS ends here; the platform's own address is that
    of its health check. With an address of its own, the supervisor is served there alone.
    """
    own = config.supervisor.public_url
    health = urlsplit(config.platform.health_url)
    return template(f"{kind}.conf").render(
        name=config.platform.name,
        suffix=config.suffix,
        tag=config.suffix.replace("-", "_"),
        platform_site=VirtualSite.of(config.platform.public_url),
        own_site=None if own is None else VirtualSite.of(own),
        prefix=config.supervisor.url_prefix,
        supervisor=f"http://{config.supervisor.listen}",
        platform=f"{health.scheme}://{health.netloc}",
        platform_at=VirtualSite.of(config.platform.health_url),
        platform_websocket=f"{'wss' if health.scheme == 'https' else 'ws'}://{health.netloc}",
        flag=config.maintenance.flag,
        flag_dir=config.maintenance.flag.parent,
        flag_name=config.maintenance.flag.name,
        page_dir=config.maintenance.page_dir,
        invitations=config.maintenance.invitations,
        cookie=COOKIE,
        retry_after=RETRY_AFTER_SECONDS,
        slice_mib=SLICE_MIB,
        form_mib=FORM_MIB,
        anybody_kib=ANYBODY_KIB,
        head_seconds=HEAD_SECONDS,
        senders=SENDERS,
        workers=WORKERS,
        threads_per_child=THREADS_PER_CHILD,
        kept_seconds=KEPT_SECONDS,
        max_archive_bytes=config.supervisor.max_archive_bytes,
    )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
