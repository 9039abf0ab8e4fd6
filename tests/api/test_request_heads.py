"""Heads of requests on the real sockets of both servers: what is too long or too slow is refused before it is kept."""

from __future__ import annotations

import json
import socket
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from support.api import free_port
from support.server import serving
from support.servers import SERVER, running
from support.world import World

LARGEST = 65_536
PATIENCE = 60.0


@pytest.fixture(scope="module", params=["uvicorn", "streamlit"])
def port(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where a server listens that waits a second and a half for a head."""
    world = World(tmp_path_factory.mktemp("heads"), {"CLICKLEDGER_HEAD_SECONDS": "1.5"})
    world.load()
    if request.param == "uvicorn":
        with running(world, *SERVER) as (base, _):
            yield int(base.rpartition(":")[2])
    else:
        with serving(world, free_port(), world.folder) as base:
            yield int(base.rpartition(":")[2])


def get(path: bytes = b"/healthz", *fields: bytes, method: bytes = b"GET") -> bytes:
    return b"\r\n".join([method + b" " + path + b" HTTP/1.1", b"Host: here", *fields, b"", b""])


@contextmanager
def connected(port: int) -> Generator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client:
        yield client


def told(client: socket.socket) -> tuple[int, dict[str, str]]:
    """Status and body of the one answer of a connection that the server closes."""
    answer = b""
    with suppress(ConnectionResetError):
        while chunk := client.recv(65_536):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"connection: close" in head.lower()
    assert body
    return int(head.split()[1]), json.loads(body)


def answered(client: socket.socket) -> bytes:
    """One answer, of a connection that stays."""
    answer = b""
    while not answer.endswith(b"}"):
        answer += client.recv(65_536)
    return answer


def peak_memory(port: int) -> int:
    """Bytes, of the process that listens there (Linux)."""
    inode = next(
        line.split()[9]
        for name in ("tcp", "tcp6")
        for line in Path("/proc/net", name).read_text().splitlines()[1:]
        if line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A"
    )
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(str(one.readlink()) == f"socket:[{inode}]" for one in (process / "fd").iterdir()):
                return int((process / "status").read_text().partition("VmHWM:")[2].split()[0]) * 1_024
    raise AssertionError(f"nobody listens at {port}")


@pytest.mark.parametrize("way", ["one field", "many fields", "path"])
def test_a_head_that_goes_on_is_refused_and_not_kept(port: int, way: str) -> None:
    before = peak_memory(port)
    with connected(port) as client:
        client.sendall(b"GET /healthz" if way == "path" else b"GET /healthz HTTP/1.1\r\nHost: here\r\nA: ")
        more = b"a" * 1_000 + (b"\r\nA: " if way == "many fields" else b"")
        with suppress(OSError):
            for _ in range(50):
                client.sendall(more * 1_000)
        status, body = told(client)

    assert (status, body["error"]) == (431, "request_head_too_large")
    assert body["message"] == "The head of a request may have 65,536 bytes at most."
    assert peak_memory(port) - before < 10_000_000  # of 50 that were sent


@pytest.mark.parametrize(
    "head",
    [
        get(b"/healthz", b"A: " + b"a" * 70_000),
        get(b"/healthz?" + b"a" * 70_000),
        get(b"/healthz", *[b"A%d: " % number + b"a" * 90 for number in range(700)]),
        get(b"/_stcore/stream", b"Connection: upgrade", b"Upgrade: websocket", b"A: " + b"a" * 70_000),
    ],
    ids=["field", "path", "fields", "websocket"],
)
def test_a_long_head_that_comes_at_once_is_refused_too(port: int, head: bytes) -> None:
    with connected(port) as client:
        client.sendall(head)

        assert told(client)[0] == 431


def test_up_to_the_limit_a_head_is_taken_and_the_next_one_counts_anew(port: int) -> None:
    with connected(port) as client:
        for _ in range(3):
            client.sendall(get(b"/healthz", b"A: " + b"a" * (LARGEST - 100)))
            assert answered(client).startswith(b"HTTP/1.1 200 OK")
        client.sendall(get(b"/healthz", b"A: " + b"a" * LARGEST))

        assert told(client)[0] == 431


def test_a_body_is_no_head(port: int) -> None:
    body = b'{"ctx": "' + b"a" * 10_000 + b'"}'
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:5_000], body[5_000:]))
    with connected(port) as client:
        client.sendall(get(b"/v2/public/conversions", b"Transfer-Encoding: chunked", method=b"POST"))
        client.sendall(chunks + b"0\r\n\r\n")

        assert b'"error":"invalid_' in answered(client)


def test_fields_behind_a_body_have_the_same_limit(port: int) -> None:
    before = peak_memory(port)
    with connected(port) as client:
        client.sendall(get(b"/v2/public/conversions", b"Transfer-Encoding: chunked", method=b"POST"))
        client.sendall(b"2\r\n{}\r\n0\r\n")
        with pytest.raises(OSError, match=r"reset|pipe"):
            client.sendall((b"A: " + b"a" * 1_000 + b"\r\n") * 50_000)

    assert peak_memory(port) - before < 10_000_000


def test_a_head_that_does_not_come_in_time_is_told_so(port: int) -> None:
    with connected(port) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: he")
        status, body = told(client)

    assert (status, body["error"]) == (408, "request_timeout")
    assert body["message"] == "The head of a request must arrive within 1.5 seconds."


def test_the_second_head_of_a_connection_has_the_same_time(port: int) -> None:
    with connected(port) as client:
        client.sendall(get())
        assert answered(client).startswith(b"HTTP/1.1 200 OK")
        client.sendall(b"GET /healthz HTTP/1.1\r\n")

        assert told(client)[0] == 408


def test_an_empty_line_after_an_answer_keeps_no_connection(port: int) -> None:
    with connected(port) as client:
        client.sendall(get())
        assert answered(client).startswith(b"HTTP/1.1 200 OK")
        client.sendall(b"\r\n")

        assert told(client)[0] == 408


def test_a_connection_on_which_nothing_comes_is_closed_without_a_word(port: int) -> None:
    with connected(port) as client:
        assert client.recv(1) == b""
