"""The real reverse proxies: a whole server's configuration around the one that the supervisor prints."""

import re
import subprocess
from pathlib import Path
from typing import assert_never

from ospi_supervisor.domain.proxies import Kind
from tests.support.system import require_program

ACCOUNT = "www-data"
"""Debian's account of web servers, which both take where root starts them."""

NGINX = """
daemon off; master_process on; worker_processes 1; user {account}; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    include {folder}/printed;
}}
"""
APACHE_MODULES = (
    "mpm_event authz_core mime alias rewrite headers proxy proxy_http proxy_wstunnel reqtimeout ssl".split()  # noqa: SIM905
)
APACHE = """
ServerRoot {folder}
ServerName 127.0.0.1
{modules}
PidFile {folder}/pid
ErrorLog {folder}/error.log
DefaultRuntimeDir {folder}
TypesConfig /etc/mime.types
Listen 127.0.0.1:{port}
User {account}
Group {account}
Include {folder}/printed
"""
CADDY = """
{{
	admin off
	auto_https off
	{servers}
}}
{printed}
"""
HAPROXY = """
global
    user {account}
    group {account}
    maxconn 2000
"""


def serve(kind: Kind, folder: Path, printed: str, port: int) -> list[str]:
    """Write into `folder` a server's configuration around what was `printed`; the command that runs it.

    In the foreground, and as root with workers of another account, so `folder` must be one that it can enter.
    """
    (folder / "printed").write_text(printed)
    main = folder / "main"
    if kind == "nginx":
        main.write_text(NGINX.format(folder=folder, account=ACCOUNT))
        return [require_program("nginx"), "-c", str(main), "-e", f"{folder}/error.log"]
    if kind == "apache":
        modules = "\n".join(
            f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in APACHE_MODULES
        )
        main.write_text(APACHE.format(folder=folder, account=ACCOUNT, modules=modules, port=port))
        return [require_program("apache2"), "-D", "FOREGROUND", "-f", str(main)]
    if kind == "haproxy":
        main.write_text(HAPROXY.format(account=ACCOUNT))
        return [require_program("haproxy"), "-db", "-f", str(main), "-f", str(haproxy_file(folder, printed))]
    if kind != "caddy":
        assert_never(kind)
    servers = re.search(
        r"#(\tservers \{\n.*?\n)#\t\}\n", printed, re.DOTALL
    )  # what it says to put into the global block
    assert servers is not None
    main.write_text(CADDY.format(printed=printed, servers=f"{servers[1]}\t}}".replace("\n#", "\n")))
    return [require_program("caddy"), "run", "--adapter", "caddyfile", "--config", str(main)]


def haproxy_file(folder: Path, printed: str) -> Path:
    """Put what was `printed` into `folder`, in the place of /etc/haproxy, with its Lua beside, as its head says."""
    here = printed.replace("/etc/haproxy", str(folder))
    place = re.search(rf"{re.escape(str(folder))}/conf.d/\S+\.cfg", here)
    beside = re.search(r"^# +(sed -n .*)$", here, re.MULTILINE)
    assert place is not None
    assert beside is not None
    file = Path(place[0])
    file.parent.mkdir(exist_ok=True)
    file.write_text(here)
    subprocess.run(["/bin/sh", "-c", beside[1]], check=True)
    return file
