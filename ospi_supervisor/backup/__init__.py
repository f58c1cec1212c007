"""Snapshots of the platform's data: folders by GNU tar and zstd, databases by their own tools.

`snapshots.py` is the door. `take.py` makes a snapshot (`dumps.py` its databases' part), `settling.py` makes a lasting
backup of a checkpoint, `whole_restore.py` brings one back (`restore.py` the folders), `inventory.py` is what proves its
parts, `pruning.py` says which are old; `listing.py` finds what changed; `tarball.py`, `tarstream.py` and `zstdpipe.py`
know tar and zstd.

`sqlite.py` and `postgres.py` know the databases. Of PostgreSQL, `psql.py` knows its programs, `sessions.py` who uses a
database, `creation.py` what makes one, `search_path.py` what its rows need when they are loaded, `copies.py` the copy
in its server, `server_room.py` the room there; `rehearsal.py` tries a restore out, in a `scratch_server.py` where there
is none; `ways.py` says which ways back there are. Backups know domain, platform and the configuration's types only.
"""
