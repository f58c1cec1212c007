"""One file a phase: its do and its undo (design, section 4).

Phases know `domain`, `archive`, `platform` and `backup`; never the web nor the store. They are put together in
`registry.py`, the one readable list through which the engine reaches them.
"""
