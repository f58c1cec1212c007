"""`make mutants`: would the tests notice? Small faults are put into the program, a seeded sample, one at a time."""
