"""From log objects to facts and roll-ups: what `python -m ingest` does."""

import ctypes
import os
from contextlib import suppress

_M_ARENA_MAX = -8

# Two arenas for two working threads: by default each thread of Polars and of Python gets memory of its own that is not
# given back, a fifth more at the peak of a sync, for no speed. And memory is kept for ten seconds before it goes back to
# the system: a sync wants the same again, and new pages were a sixth of its processor time. Polars reads it at import.
os.environ.setdefault("_RJEM_MALLOC_CONF", "narenas:2,dirty_decay_ms:10000,muzzy_decay_ms:10000")
with suppress(AttributeError, OSError, TypeError):  # other systems have no such call
    ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)
