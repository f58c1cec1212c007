"""`make lock-check`: the lock is complete whatever the index has, with wheels for each promised platform."""
