"""The commands of `python -m ingest`, a module each: `add_arguments` says what a command takes, `run` does it.

`run` returns the exit code: 0 done, 1 failed.
"""

from typing import Final

# Their modules are imported when they are asked for: each needs other libraries, and the whole would start slowly.
COMMANDS: Final = {
    "sync": "read what is new in the log sources",
    "accounts": "load handles, plans, collaborators, links and campaigns",
    "deliver": "make the scheduled exports that are due",
    "deliveries": "scheduled exports: add, list, runs, remove",
    "verify": "check that every line is accounted for, once",
    "compact": "merge small files; changes no number",
    "rejects": "show lines and objects that could not be read, newest first",
    "demo": "make a demo world: three handles with 90 days of logs, and their true totals",
    "settings": "print every setting",
}
