"""A message bus on which somebody answers for systemd: `/usr/bin/python3 systemd_bus.py UNITS`, a file of JSON.

It gives each unit's properties, by name, as values of the types that systemd gives them (org.freedesktop.systemd1(5)).
"""

import json
import sys
from pathlib import Path
from typing import Any

from gi.repository import Gio, GLib

NAME, ROOT, INTERFACE = "org.freedesktop.systemd1", "/org/freedesktop/systemd1/unit", "org.freedesktop.systemd1.Service"
TYPES = {
    "Type": "s",
    "RemainAfterExit": "b",
    "ExecStartPre": "a(sasbttttuii)",
    "ExecStart": "a(sasbttttuii)",
    "User": "s",
    "Group": "s",
    "SupplementaryGroups": "as",
    "Environment": "as",
    "EnvironmentFiles": "a(sb)",
    "WorkingDirectory": "s",
    "RootDirectory": "s",
}
EMPTY: dict[str, Any] = {"s": "", "b": False}
DESCRIPTION = "".join(f'<property name="{name}" type="{kind}" access="read"/>' for name, kind in TYPES.items())


def tell(*_: Any) -> None:
    """The name is ours: whoever started this may ask."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()


def main(file: str) -> None:
    """Answer until killed."""
    units = json.loads(Path(file).read_text())
    interface = Gio.DBusNodeInfo.new_for_xml(f'<node><interface name="{INTERFACE}">{DESCRIPTION}</interface></node>')
    bus = Gio.bus_get_sync(Gio.BusType.SYSTEM)

    def value(_bus: Any, _sender: str, path: str, _interface: str, name: str) -> Any:
        kind = TYPES[name]
        return GLib.Variant(kind, units[path.rsplit("/", 1)[1]].get(name, EMPTY.get(kind, [])))

    for label in units:
        bus.register_object(f"{ROOT}/{label}", interface.interfaces[0], None, value, None)
    Gio.bus_own_name_on_connection(bus, NAME, Gio.BusNameOwnerFlags.NONE, tell, lambda *_: sys.exit(1))
    GLib.MainLoop().run()


if __name__ == "__main__":
    main(*sys.argv[1:])
