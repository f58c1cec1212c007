"""Mail: how an update ended, told to those whom the configuration names (`report`), through their server (`server`)."""
