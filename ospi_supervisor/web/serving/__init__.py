"""The web server: waitress as configured, and what stands before Flask sees a request."""
