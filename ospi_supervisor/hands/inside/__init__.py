"""What hands run, seeing nothing but what they are given. The standard library alone, no other room of this program."""
