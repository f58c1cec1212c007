"""The commands of `ospi-supervisor`, grouped by what they are about; `cli.py` puts them together."""

from ospi_supervisor.system.console import speak_french

speak_french()
