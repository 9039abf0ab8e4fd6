"""The script for shops: small, cacheable, and loadable from any origin."""

from __future__ import annotations

from support.api import Api

from deploy.build import SERVED, files

PATH = "/v2/public/clickledger.js"


def test_the_served_script_is_the_source_minified_and_small(api: Api) -> None:
    answer = api.client.get(PATH)

    assert answer.status_code == 200
    assert answer.text == files()[SERVED]
    assert len(answer.content) < 1024


def test_any_origin_may_load_and_cache_it(api: Api) -> None:
    headers = api.client.get(PATH).headers

    assert headers["content-type"] == "text/javascript; charset=utf-8"
    assert headers["cache-control"] == "public, max-age=3600"
    assert headers["access-control-allow-origin"] == "*"
    assert headers["cross-origin-resource-policy"] == "cross-origin"
    assert headers["x-content-type-options"] == "nosniff"


def test_it_is_sent_once(api: Api) -> None:
    etag = api.client.get(PATH).headers["etag"]

    for known in (etag, f"W/{etag}", f'"older", {etag}', "*"):
        again = api.client.get(PATH, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert api.client.get(PATH, headers={"If-None-Match": '"older"'}).status_code == 200
