"""« Portail BI », the demonstration platform: a hospital's activity, read from its own SQLite database."""
