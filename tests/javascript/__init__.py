"""The pages' scripts outside of a browser."""
