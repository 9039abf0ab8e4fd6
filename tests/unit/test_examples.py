"""The factor of the longest generated tests."""

from __future__ import annotations

import pytest
from support.examples import examples


def test_longer_multiplies_the_usual_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LONGER", raising=False)
    assert examples(8) == 8
    monkeypatch.setenv("LONGER", "4")
    assert examples(8) == 32


@pytest.mark.parametrize("factor", ["0", "-1", "1.5", "", "four", "²"])
def test_what_is_no_factor_is_refused(monkeypatch: pytest.MonkeyPatch, factor: str) -> None:
    monkeypatch.setenv("LONGER", factor)
    with pytest.raises(ValueError, match="LONGER must be a whole number"):
        examples(8)
