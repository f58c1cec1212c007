"""The vendor's side: keys, and the building and checking of archives (`ospi-release`)."""

from ospi_supervisor.system.console import speak_french

speak_french()
