"""From log objects to facts and roll-ups: what `python -m ingest` does."""

import ctypes
import os
from contextlib import suppress

_M_ARENA_MAX = -8

# Two arenas for two working threads. By default each thread of Polars and of Python gets memory of its own that is not
# given back: a fifth more at the peak of a sync, for no speed. Read when Polars is loaded, hence here.
os.putenv("_RJEM_MALLOC_CONF", "narenas:2")
with suppress(AttributeError, OSError, TypeError):  # other systems have no such call
    ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)
