"""Fuzzing of what reads bytes that nobody has proven: `make fuzz`, one parser after the other."""
