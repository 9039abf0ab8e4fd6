"""A loopback proxy before a store that makes its answers slow, or keeps them back for as long as a test wants."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class SlowStore:
    """`seconds`: how much later each answer comes. `answers`: cleared, none comes."""

    endpoint: str
    seconds: float = 0
    answers: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)  # by a request, since it was cleared


@contextmanager
def before(endpoint: str) -> Generator[SlowStore]:
    """The proxy before the store at `endpoint`; it answers at once in the beginning."""
    target = urlsplit(endpoint)
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    store = SlowStore(f"http://127.0.0.1:{listener.getsockname()[1]}")
    store.answers.set()
    threading.Thread(target=_accept, args=[listener, (target.hostname, target.port), store], daemon=True).start()
    try:
        yield store
    finally:
        store.answers.set()
        listener.close()


def _accept(listener: socket.socket, target: tuple[str, int], store: SlowStore) -> None:
    with suppress(OSError):  # the listener was closed
        while True:
            client, _ = listener.accept()
            server = socket.create_connection(target)
            threading.Thread(target=_ask, args=[client, server, store], daemon=True).start()
            threading.Thread(target=_answer, args=[server, client, store], daemon=True).start()


def _ask(client: socket.socket, server: socket.socket, store: SlowStore) -> None:
    with suppress(OSError):
        while received := client.recv(65_536):
            store.asked.set()
            server.sendall(received)
    with suppress(OSError):
        server.shutdown(socket.SHUT_WR)


def _answer(server: socket.socket, client: socket.socket, store: SlowStore) -> None:
    with suppress(OSError):
        while received := server.recv(65_536):
            time.sleep(store.seconds)
            store.answers.wait()
            client.sendall(received)
    server.close()
    client.close()
