"""The edge function in each engine."""

from __future__ import annotations

import pytest
from support.edge import Edge


@pytest.fixture(scope="module", params=["node", "njs"])
def edge(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Edge:
    return Edge(request.param, tmp_path_factory.mktemp(request.param))
