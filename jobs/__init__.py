"""The Huey instance and its thin tasks: the queue is a doorbell, the databases are the truth."""
