"""From log objects to facts and roll-ups: what `python -m ingest` does."""

import ctypes
import os
from contextlib import suppress

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8

# Memory is kept for a while before it goes back to the system: a sync wants the same again, and new pages were a sixth
# of its processor time. And there are two arenas for two working threads: by default each thread of Polars and of
# Python gets memory of its own that is not given back, a fifth more at the peak of a sync, for no speed. One setting
# for Polars, which reads it when it is imported, and some for everything else.
os.environ.setdefault("_RJEM_MALLOC_CONF", "narenas:2,dirty_decay_ms:10000,muzzy_decay_ms:10000")
with suppress(AttributeError, OSError, TypeError):  # other systems have no such call
    _mallopt = ctypes.CDLL(None).mallopt
    _mallopt(_M_ARENA_MAX, 2)
    _mallopt(_M_MMAP_THRESHOLD, 32 * 2**20)
    _mallopt(_M_TRIM_THRESHOLD, 64 * 2**20)
