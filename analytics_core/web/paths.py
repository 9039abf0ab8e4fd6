"""Paths as the API knows them, wherever it is mounted: below a base path, or behind `--root-path`."""

from __future__ import annotations

from starlette.types import Scope


def own_path(scope: Scope) -> str:
    """The path of a request without what stands before the API's own."""
    path, root = scope["path"], scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(f"{root}/") else path
