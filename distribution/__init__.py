"""`make dist`: what is handed to a hospital, made from this checkout. `installer` is plain POSIX shell."""
