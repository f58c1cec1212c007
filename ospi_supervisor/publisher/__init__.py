"""The vendor's side: keys, and the building and checking of archives (`ospi-release`)."""
