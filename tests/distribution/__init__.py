"""What `make dist` hands to a hospital, on a server that has nothing of ours."""
