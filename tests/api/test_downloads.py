"""Downloads on a real socket: streamed, no longer than somebody listens, a few at a time, and never half but whole."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import json
import shutil
import socket
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.api import free_port
from support.screens import token
from support.server import serving
from support.servers import SERVER, running
from support.world import World

from analytics_core.store.audit_events import Audit
from ingest.demo.bulk import write_standard_logs

LINES = 100_000
NUMBERS = "/v2/handles/creator-00000/analytics"
DAYS = 6


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> World:
    """One handle with 85,000 clicks in some days, and an owner."""
    world = World(tmp_path_factory.mktemp("busy"), {"CLICKLEDGER_DOWNLOADS": "2"}, now=datetime.now(UTC))
    logs = world.folder / "bulk"
    write_standard_logs(logs, lines=LINES, files=4, handles=1, days=DAYS, end=world.now)
    accounts = json.loads((logs / "accounts.json").read_text())
    accounts["handles"][0]["plan"] = "PRO"
    world.load(accounts)
    world.sync(logs / "logs")
    return world


@pytest.fixture(scope="module")
def port(busy: World) -> Iterator[int]:
    with running(busy, *SERVER) as (base, _):
        yield int(base.rpartition(":")[2])


class Client:
    """One connection that takes little at a time, so that a server cannot be far ahead of it."""

    def __init__(self, world: World, port: int) -> None:
        self._headers = {"Authorization": f"Bearer {token(world, 'user_ann')}", "Connection": "close"}
        self._port = port

    def ask(self, path: str, **headers: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
        connection.sock = socket.socket()
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)
        connection.sock.settimeout(120)
        connection.sock.connect(("127.0.0.1", self._port))
        connection.request("GET", path, headers=self._headers | headers)
        return connection.getresponse()

    def export(self, format_name: str, **headers: str) -> http.client.HTTPResponse:
        now = datetime.now(UTC)
        days = f"fromDay={now - timedelta(days=DAYS + 1):%Y%m%d}&toDay={now:%Y%m%d}"
        return self.ask(f"{NUMBERS}/export?groupBy=event&format={format_name}&{days}", **headers)

    def turn(self, format_name: str) -> http.client.HTTPResponse:
        """An export, as soon as the ones before have ended."""
        for _ in range(600):
            download = self.export(format_name)
            if download.status == 200:
                return download
            assert download.status == 429
            download.close()
            time.sleep(0.1)
        raise AssertionError("it never came")

    def manifest(self, of: http.client.HTTPResponse) -> dict[str, Any]:
        return json.loads(self.ask(f"{NUMBERS}/exports/{of.headers['X-Export-Manifest']}").read())

    def wait_for(self, condition: Callable[[], bool]) -> None:
        for _ in range(600):
            if condition():
                return
            time.sleep(0.1)
        raise AssertionError("it never happened")


@pytest.fixture
def client(busy: World, port: int) -> Client:
    return Client(busy, port)


def test_a_manifest_is_there_from_the_first_byte_and_complete_with_the_last(client: Client, busy: World) -> None:
    download = client.turn("csv")
    first = download.read(1)
    begun = client.manifest(download)
    told = Audit(busy.database).events("creator-00000", limit=1)[0]
    content = first + download.read()
    ended = client.manifest(download)

    assert (begun["status"], begun["rows"], begun["sha256"], begun["reason"]) == ("running", None, None, None)
    assert (told.action, told.detail["exportId"]) == ("export.made", begun["id"])
    assert (ended["status"], ended["reason"]) == ("complete", None)
    assert ended["rows"] == content.count(b"\r\n") - 1 > 80_000
    assert ended["sha256"] == hashlib.sha256(content).hexdigest()
    assert {name: begun[name] for name in ("id", "query", "dataVersion")} == {
        name: ended[name] for name in ("id", "query", "dataVersion")
    }


def test_a_json_file_holds_its_whole_manifest(client: Client) -> None:
    download = client.turn("json")
    content = download.read()
    body = json.loads(content)

    assert body["manifest"] == client.manifest(download)
    assert body["manifest"]["rows"] == len(body["rows"]) > 80_000
    rows = content.removeprefix(b'{"rows":').rpartition(b',"manifest":{')[0]
    assert body["manifest"]["sha256"] == hashlib.sha256(rows).hexdigest()


def test_one_too_many_is_told_when_to_come_again_and_gets_its_turn(client: Client) -> None:
    """With two in all, one handle has one."""
    first = client.turn("json")
    refused = client.export("csv")
    body = json.loads(refused.read())
    first.read()

    assert (refused.status, body["error"], refused.headers["Retry-After"]) == (429, "rate_limited", "10")
    assert "Downloads of one handle are limited to 1 at a time;" in body["message"]
    assert client.turn("csv").read().startswith(b"at,slug,")


def test_a_client_that_leaves_ends_the_work_for_it(client: Client) -> None:
    download = client.turn("json")
    download.read(1)
    assert client.manifest(download)["status"] == "running"
    download.close()
    client.wait_for(lambda: client.manifest(download)["status"] != "running")
    manifest = client.manifest(download)

    assert (manifest["status"], manifest["rows"], manifest["sha256"]) == ("failed", None, None)
    assert manifest["reason"].startswith("not_fetched: ")
    assert client.turn("csv").read().startswith(b"at,slug,")


@pytest.mark.parametrize("server", ["uvicorn", "streamlit"])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_download_that_breaks_in_the_middle_never_looks_complete(
    busy: World, tmp_path: Path, server: str, encoding: str
) -> None:
    broken = World(tmp_path, busy.environment, busy.now)
    shutil.copytree(busy.folder / "var", tmp_path / "var")
    started = running(broken, *SERVER) if server == "uvicorn" else serving(broken, free_port(), tmp_path)
    with started as found:
        base = found if isinstance(found, str) else found[0]
        client = Client(broken, int(base.rpartition(":")[2]))
        download = client.export("json", **{"Accept-Encoding": encoding})
        first = download.read(1)
        days = sorted((tmp_path / "var" / "lake" / "clicks").glob("day=*"))
        shutil.rmtree(days[-1])
        with pytest.raises(http.client.IncompleteRead) as cut, closing(download):
            download.read()
        client.wait_for(lambda: client.manifest(download)["status"] != "running")
        manifest = client.manifest(download)
        refused = client.ask(f"{NUMBERS}/export?groupBy=event&format=csv&fromDay={days[-1].name[4:].replace('-', '')}")
        body = json.loads(refused.read())

    content = first + cut.value.partial
    with pytest.raises((json.JSONDecodeError, EOFError, zlib.error)):
        json.loads(gzip.decompress(content) if download.headers["Content-Encoding"] == "gzip" else content)
    assert (manifest["status"], manifest["sha256"]) == ("failed", None)
    assert manifest["reason"] == "store_unavailable: The lake lacks a file that it names; nothing was lost."
    assert (refused.status, body["error"]) == (503, "store_unavailable")  # what fails at once is told at once
