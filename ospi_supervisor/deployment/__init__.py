"""The platform's releases on disk: where they lie, what is recorded of them, what acts on the platform."""
