"""The configuration that every release of this platform ships: the hub alone, asked through its API.

What belongs to one hospital (address, data folder, database, the API's token) lies outside the releases, in a JSON file
that the service's command line names.
"""
# mypy: ignore-errors
# (it runs in the release's environment, which is not ours)

import json
import os
from pathlib import Path

from jupyterhub.proxy import Proxy

settings = json.loads(Path(os.environ["HUB_SETTINGS"]).read_text(encoding="utf-8"))
data = Path(settings["data"])


class ApiOnly(Proxy):
    """No notebook is served here: the routes are kept in memory, the hub is reached at its own address."""

    should_start = False
    routes: dict = {}  # noqa: RUF012 -- one hub, one table

    async def add_route(self, routespec, target, data):
        self.routes[routespec] = {"routespec": routespec, "target": target, "data": data}

    async def delete_route(self, routespec):
        self.routes.pop(routespec, None)

    async def get_all_routes(self):
        return self.routes


c = get_config()  # noqa: F821 -- given by the program that reads this file
c.JupyterHub.proxy_class = ApiOnly
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{settings['port']}"
c.JupyterHub.db_url = settings["database"]
c.JupyterHub.cookie_secret_file = str(data / "cookie_secret")
c.JupyterHub.authenticator_class = "null"
c.JupyterHub.services = [{"name": "hospital", "api_token": settings["token"]}]
c.JupyterHub.load_roles = [
    {
        "name": "hospital",
        "scopes": ["admin:users", "admin:groups", "tokens", "read:hub"],
        "services": ["hospital"],
    }
]
