"""The twin: a copy of the platform, made of a snapshot, in which an update is played before anybody loses the platform.

`play.py` plays an update and says what was proven. `whole.py` makes the twin of a platform: `place.py` its folder on
the disk, `view.py` what it sees of the machine, `plan.py` its layers, `databases.py` and `engines.py` its databases,
`limits.py` what it may take. `twin.py` starts it and talks with it; `reasons.py` tells its own failures from the
release's. `inside/` is what runs there.

A twin sees no network but its own loopback, no socket and no datum of the real platform's; killed at any moment,
nothing of it is left.
"""
