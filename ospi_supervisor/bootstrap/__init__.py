"""The only place where parts are wired together: one module for each process, so that each loads its own parts only."""
