"""How long a table's log is kept: what a checkpoint of more than a day ago says as well is removed by a compaction.

Nothing that anybody asks for is lost with it. Transactions, by which batches count once, stay in every checkpoint for
good; answers as of a moment are told by the rows of the facts; what each batch did has a table of its own.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from analytics_core.store.commit_hooks import AFTER_COMMIT, commit_properties
from analytics_core.store.commit_log import REARRANGED
from analytics_core.store.driver_errors import CommitConflictError, translated
from analytics_core.store.lake import Lake
from analytics_core.store.lake_tables import TableSpec

# delta-rs looks at all the files of a log in a folder, several times a commit: of a sync a minute there are 43,200 in
# the 30 days that it would keep. A process that reads a table, or commits to it, needs what came since it last looked.
_KEPT: Final = "delta.logRetentionDuration"
_PROPERTIES: Final = {"delta.enableExpiredLogCleanup": "false", _KEPT: "interval 1 days"}


def keep_log(lake: Lake, spec: TableSpec) -> None:
    """From now on only `clean_log` cleans the table's log. A vacuum would, whatever its commit's properties say, unless
    the table itself forbids it. Another retention that somebody gave to the table stays."""
    while True:
        table = lake.open(spec)
        wanted = _PROPERTIES | {name: said for name, said in table.metadata().configuration.items() if name == _KEPT}
        if wanted.items() <= table.metadata().configuration.items():
            return
        with suppress(CommitConflictError), translated():  # another compaction does so, too
            table.alter.set_table_properties(
                wanted,
                commit_properties=commit_properties((), lake.said_of(spec, table) | {REARRANGED: "true"}),
                post_commithook_properties=AFTER_COMMIT,
            )


def clean_log(lake: Lake, spec: TableSpec) -> None:
    """Removes commits that a checkpoint of more than a day ago replaces. Of those in storage delta-rs takes the newest,
    whatever version a handle shows."""
    with translated():
        lake.open(spec).cleanup_metadata()
