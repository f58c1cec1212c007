"""Superviseur OSPI: installs the releases of a hospital platform, wholly or not at all."""

__version__ = "0.1.0"
