"""Comparisons with what the field uses, side by side in one run (`make bench`)."""
