"""A reverse proxy that shares its host with others: what lies below a prefix it forwards, and no more."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress

_ELSEWHERE = b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\nConnection: close\r\n\r\nelsewhere"


@contextmanager
def forwarding(prefix: str, upstream: int) -> Generator[str]:
    """The proxy's base URL. Requests and WebSockets to `prefix` and below it go to the port `upstream`."""

    class OneRequest(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                _forward(self.request, prefix, upstream)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), OneRequest) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def _forward(client: socket.socket, prefix: str, upstream: int) -> None:
    """One request of a connection: the next one may name another path, so none but a WebSocket keeps it open."""
    head = b""
    while b"\r\n\r\n" not in head:
        if not (chunk := client.recv(65_536)):
            return
        head += chunk
    path = head.split(b" ", 2)[1].split(b"?")[0].decode()
    if path != prefix and not path.startswith(f"{prefix}/"):
        client.sendall(_ELSEWHERE)
        return
    with socket.create_connection(("127.0.0.1", upstream)) as server:
        server.sendall(head if b"\r\nupgrade: websocket" in head.lower() else _closing(head))
        onward = threading.Thread(target=_copy, args=(client, server), daemon=True)
        onward.start()
        _copy(server, client)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
        onward.join()


def _closing(head: bytes) -> bytes:
    fields, _, body = head.partition(b"\r\n\r\n")
    kept = [field for field in fields.split(b"\r\n") if not field.lower().startswith(b"connection:")]
    return b"\r\n".join([*kept, b"Connection: close", b"", body])


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65_536):
            target.sendall(chunk)
