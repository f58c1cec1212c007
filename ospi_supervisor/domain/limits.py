"""How much is accepted at once, on whatever way: said here for the server, the reverse proxies and the words."""

MIB = 1024 * 1024

SLICE_MAX_BYTES = 8 * MIB
"""One slice of the resumable upload."""

FORM_MAX_BYTES = 64 * MIB
"""The archive in the plain form, which needs no JavaScript."""
