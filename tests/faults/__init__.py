"""The fault campaign: a real small platform is hurt in the middle of its update, and the outcome judged.

`python -m tests.faults` runs all of it, resumably; `catalogue` lists the faults, `world` is the hospital that
suffers them, `oracle` says what must hold afterwards, `worker` stops the real worker at a chosen point.
"""
