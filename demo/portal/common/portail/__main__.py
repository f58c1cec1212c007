"""Serve the portal: `python -m portail --port PORT --data FOLDER`, from the release's folder."""

import argparse
from pathlib import Path

from waitress import serve

from .app import create_app
from .data import check_schema, database_path
from .release import load_release


def main() -> None:
    """Serve this release on the loopback address; ends at once, saying why, on data of another release."""
    parser = argparse.ArgumentParser(prog="portail")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    root = Path(__file__).resolve().parent.parent
    release = load_release(root)
    check_schema(database_path(options.data), release)
    serve(create_app(release, options.data), host="127.0.0.1", port=options.port, threads=8)


main()
