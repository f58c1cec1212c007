"""The update archive: trust, header, index, packs, and the staging of a release (design, section 3).

The format is described in `docs/format-archive.md`. This room knows the domain only.
"""
