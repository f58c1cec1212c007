"""Runs one update phase by phase, and survives whatever happens meanwhile (design, section 4).

`requests` judges requests, `runner` takes an update forward or back, `recovery` takes up one that a crash left,
`record` is what is written of it and `backlog` when, and `engine` puts them together. Phases are reached through their
registry only.
"""
