"""What Alembic asks for: which database to bring up to date, and which tables the code knows.

The connection is given by `analytics_core.store.migrate`. The `alembic` command has none: it works on a scratch
database, and a new script is what the tables of the code differ in from that.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection, create_engine

from analytics_core.store.tables import UtcTime, metadata

SCRATCH = Path("var/migrations.sqlite")


def render(kind: str, item: Any, _context: object) -> str | Literal[False]:
    """Types as the database knows them: a script must mean the same when our own have changed."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcTime) else False


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,  # SQLite cannot alter a table in place
        render_item=render,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    SCRATCH.parent.mkdir(exist_ok=True)
    with create_engine(f"sqlite:///{SCRATCH}").begin() as scratch:
        run(scratch)
