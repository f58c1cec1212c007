"""What brings an older database to the format of this program: one folder a database, run by `store.formats`.

How to change a format: change the model, then add `NNNN_words.py` to the database's folder, with the next number. Its
`up(migrator, db)` brings the format before to the new one by `playhouse.migrate`'s operations, or by SQL:

    def up(migrator: SqliteMigrator, db: Database) -> None:
        migrator.migrate(migrator.add_column("update", "validate", BooleanField(default=False)))

It never imports the program's models, which go on changing; a table it needs is declared anew, inside. A column needs
a default, may be null, or is filled here: it is a migration's to say what it holds for what was there before. All that
are missing run in one transaction, after a copy was put aside. A phase needs none: one that an update's record does
not have was not begun. `tests/store/test_formats.py` fails where a table or a column came without its migration.

A migration that was released is never changed, renamed or removed.
"""
