"""Pictures of every page and state, to be looked at; and those few that the guide and the README show."""
