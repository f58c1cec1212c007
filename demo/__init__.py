"""A small platform, the supervisor and a worker on one port, for newcomers (`make demo`)."""
