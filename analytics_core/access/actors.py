"""Who asks: the person or script behind a request, whatever token it came with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Actor:
    """`is_staff` is the platform-wide reviewer role; `expires_at` is the end of the token that proved who it is."""

    user_id: str
    is_staff: bool = False
    expires_at: datetime | None = None
