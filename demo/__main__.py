"""`python -m demo`: the whole system on one port. OSPI_DEMO_PORT and OSPI_DEMO_DIR move it; OSPI_DEMO_OWN_HOST=1
gives the supervisor a host name of its own."""

import argparse
import os
from pathlib import Path

from demo.manager import reset, start


def main() -> None:
    """Run the demonstration in the foreground, or forget its state."""
    parser = argparse.ArgumentParser(prog="python -m demo", description="La démonstration de Superviseur OSPI.")
    parser.add_argument("--reset", action="store_true", help="oublier l'état de la démonstration")
    options = parser.parse_args()
    folder = Path(os.environ.get("OSPI_DEMO_DIR", ".demo"))
    port = os.environ.get("OSPI_DEMO_PORT", "8080")
    if not port.isdigit() or not 0 < int(port) < 65536:
        parser.error(f"OSPI_DEMO_PORT : « {port} » n'est pas un port")
    if options.reset:
        reset(folder)
    else:
        start(folder, int(port), own_host=os.environ.get("OSPI_DEMO_OWN_HOST") == "1")


main()
