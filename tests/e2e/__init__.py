"""The whole system, as people use it: the demonstration, Chromium, the command line."""
