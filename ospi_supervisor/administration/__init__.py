"""What root's shell may do at once."""
