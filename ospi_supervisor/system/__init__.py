"""The machine's own: files, mounts, locks, deadlines, clock zone, console. It knows nothing of updates."""
