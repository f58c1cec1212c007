"""What the worker does beside running updates.

`nightly` is the automatic update (`download` its way to the vendor), `backups` those asked for by hand, `notifications`
tells by mail how an update ended, through the configured server (`mail_server`).
"""
