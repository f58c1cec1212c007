"""One file a phase: its do and its undo (design, section 4), under the phase's own name, and `make`, which says of
which parts it is made. The list of phases, in order, is `domain.lifecycle`; `registry.py` puts them together.

Phases know `domain`, `archive`, `platform`, `deployment` and `backup`; never the web nor the store.
"""
