"""What may be asked, by the web and the shell alike: nothing here acts on the platform."""
