"""The migrations of the `web.db`, in the order of their numbers; 1 is the format of version 0.1.0."""
