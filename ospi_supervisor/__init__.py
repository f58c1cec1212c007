"""Superviseur OSPI: installs the releases of a hospital platform, wholly or not at all."""

__version__ = "0.2.0"

VERSION_OF_WEB = "X-OSPI-Supervisor"
"""The header by which the web process says its version to whoever asks it on this server."""
