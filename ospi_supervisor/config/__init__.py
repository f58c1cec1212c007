"""What the administrator configures: its tables, the paths that follow, its faults in his words, its secrets."""
