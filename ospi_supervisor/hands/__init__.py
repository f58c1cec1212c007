"""The children through which root touches other accounts' files.

Root walks, opens and parses nothing by path that another account can write: a link put in a folder's place, or a
crafted file, would have it read or write anything. It acts through hands, which see nothing but the folder or can do
no more than that account (`docs/securite.md` has the table):

- `sandbox.py` says what a hand sees and as whom it acts, and makes the command that starts it so; `descent.py` opens
  the folders that it is given, step by step, without following what others could have put there;
- `conversation.py` starts one and talks with it: JSON lines over pipes, bounded in size and time;
- `folder.py` is the hand in one data folder: list, set aside, write, sync; `database.py` the one that opens a SQLite
  file as the account that owns it.

`inside/` is what they run: the standard library alone, executed anew, with no environment and no descriptor but its
three pipes. Hands know the machine's own rooms only.
"""
