"""Apps that send visitors: ingest counts their clicks under the site of the app, and screens say so."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files


@cache
def app_sites() -> Mapping[str, str]:
    """The id of an app (`com.linkedin.android`) → the site under which its clicks count (`linkedin.com`)."""
    return tomllib.loads(files("analytics_core").joinpath("app_sites.toml").read_text(encoding="utf-8"))["apps"]


@cache
def sites_with_apps() -> frozenset[str]:
    return frozenset(app_sites().values())
