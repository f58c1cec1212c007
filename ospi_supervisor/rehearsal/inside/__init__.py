"""What runs in a twin, or becomes one: executed anew, with pipes only."""
