"""The migrations of the queue's database, in the order of their numbers; 1 is the format of version 0.1.0."""
