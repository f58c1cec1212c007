"""Snapshots of the platform's data: folders by GNU tar and zstd, databases by their own tools.

`snapshots.py` is the door. `take.py` makes a snapshot, `restore.py` brings one back, `record.py` is what proves its
parts; `listing.py` finds what changed; `tarball.py`, `tarstream.py` and `zstdpipe.py` know tar and zstd, `sqlite.py`
and `postgres.py` the databases (`psql.py` its programs, `sessions.py` who uses one, `rehearsal.py` a restore tried out
beforehand). Backups know domain, platform and the configuration's types only.
"""
