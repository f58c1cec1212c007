"""The roles that accounts have."""

ADMINISTRATION_SYSTEM = "administration system"
"""The group whose accounts may enter (the seed, « rôle administrateur »)."""
