"""The migrations of the `engine.db`, in the order of their numbers; 1 is the format of version 0.1.0."""
