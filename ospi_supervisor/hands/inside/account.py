"""The account that a hand becomes before it opens anything."""

import os
from collections.abc import Sequence


def become(user: int, groups: Sequence[int]) -> None:
    """Become the account `user`, for good, with `groups` of which the first is its own. Nothing for who is no root."""
    if os.geteuid() == 0 and user != 0:
        os.setgroups(groups)
        os.setresgid(groups[0], groups[0], groups[0])
        os.setresuid(user, user, user)
