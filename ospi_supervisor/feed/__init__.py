"""The vendor's repository seen from a hospital: check what it offers, fetch an archive, probe the connection.

Nothing here decides what is installed: an archive that was fetched is imported, and proven, like any other.
"""
