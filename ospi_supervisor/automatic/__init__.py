"""The automatic update put together: what pages and the shell see of it, and what the worker does each night.

The rules are in `domain` (schedule, eligibility, offers), the way to the vendor in `feed`; what was fetched is
installed by the engine like any other archive.
"""
