"""Where a supervisor that stands in one folder keeps things: the end of such a configuration, to be formatted."""

PLACES = """
[maintenance]
flag = "{root}/maintenance/flag"
page_dir = "{root}/maintenance/page"
[backup]
directory = "{root}/backups"
[trust]
root = "{trust}"
[prerequisites]
cores = 1
"""
