"""Pure rules: facts and the time come in as arguments, verdicts go out.

This room imports the standard library, `packaging` and `errors` only: no file, clock, process or database.
"""
