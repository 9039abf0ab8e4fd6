"""How the memory of a reading process is kept: set once, by the command line, before Polars is imported."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from typing import Final

# Of jemalloc, which is the allocator of Polars; it reads this variable when Polars is imported.
_VARIABLE: Final = "_RJEM_MALLOC_CONF"
_OPTIONS: Final = "narenas:2,dirty_decay_ms:10000,muzzy_decay_ms:10000"

# Of mallopt(3), which sets the allocator of everything else; from malloc.h of glibc.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8


def set_up_allocators() -> None:
    """Lets both allocators of the process keep freed memory for a while, and work with two arenas each.

    A sync soon needs again what it freed: new pages from the system took a sixth of its processor time. By default each
    thread of Polars and of Python has an arena of its own whose memory is not given back: the peak of a sync is a fifth
    higher then, and the sync is no faster, because two threads do the work. What the environment says about Polars'
    allocator wins. Without effect on Polars once it is imported, and on systems without mallopt.
    """
    os.environ.setdefault(_VARIABLE, _OPTIONS)
    with suppress(AttributeError, OSError, TypeError):  # other systems have no such call
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_ARENA_MAX, 2)
        mallopt(_M_MMAP_THRESHOLD, 32 * 2**20)
        mallopt(_M_TRIM_THRESHOLD, 64 * 2**20)
