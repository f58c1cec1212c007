"""Where a supervisor that stands in one folder keeps things: the end of such a configuration, to be formatted.

No drill comes by itself: a suite that runs at night would meet one beside what it tests.
"""

PLACES = """
[maintenance]
flag = "{root}/maintenance/flag"
page_dir = "{root}/maintenance/page"
[backup]
directory = "{root}/backups"
drill = false
[trust]
root = "{trust}"
[prerequisites]
cores = 1
"""
