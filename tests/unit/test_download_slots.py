"""How many downloads are made at a time, in all and for one handle."""

from __future__ import annotations

import pytest

from analytics_core.access.download_slots import DownloadSlots
from analytics_core.errors import RateLimitedError


def test_one_handle_has_half_of_them_and_leaves_the_rest_to_others() -> None:
    slots = DownloadSlots(4)
    own = [slots.take("acme") for _ in range(2)]

    with pytest.raises(RateLimitedError, match="Downloads of one handle are limited to 2 at") as refused:
        slots.take("acme")
    assert refused.value.retry_after == 10
    slots.take("zed")
    slots.take("zed")
    with pytest.raises(RateLimitedError, match="Downloads are limited to 4 at"):
        slots.take("quiet")

    own[0]()
    slots.take("quiet")


def test_even_one_slot_is_one_for_whoever_comes_first() -> None:
    slots = DownloadSlots(1)
    give_back = slots.take("acme")
    with pytest.raises(RateLimitedError):
        slots.take("zed")
    give_back()
    slots.take("zed")
