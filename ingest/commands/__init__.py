"""The commands of ingest, a module each (see `analytics_core/command_line.py`)."""

from typing import Final

COMMANDS: Final = {
    "sync": "read what is new in the log sources",
    "accounts": "load handles, plans, collaborators, links and campaigns",
    "verify": "check that every line is accounted for, once",
    "compact": "merge small files; changes no number",
    "rejects": "show lines and objects that could not be read, newest first",
    "demo": "make a demo world: three handles with 90 days of logs, and their true totals",
    "classify": "count the clicks that another version of the lists would judge by another rule; writes nothing",
    "settings": "print every setting",
}
