#!/usr/bin/env bash
# deltalake 1.6.6 (delta-rs, Python): two calls stop every thread of the process until the store answers.
#
# `DeltaTable.is_deltatable()` and `DeltaTable.history()` hold the interpreter's lock while they wait for the storage. A web
# process that asks either of them about a bucket serves nobody meanwhile, on any thread: as long as a slow store takes, and
# three minutes of a silent one, for so long requests are sent again. Every other call that was tried lets the lock go, also
# the constructor, which tells the same as `is_deltatable`.
#
# Seen, with a store over loopback each of whose answers takes 0.5 s; a thread beside it wakes up every 5 ms:
#   is_deltatable              took 0.5 s   others stopped for 0.5 s
#   history                    took 1.0 s   others stopped for 1.0 s
#   DeltaTable()               took 2.2 s   others went on
#   update_incremental         took 1.0 s   others went on
#   transaction_version        took 0.5 s   others went on
#   file_uris                  took 0.0 s   others went on
#   get_add_actions            took 0.0 s   others went on
#   create_write_transaction   took 3.1 s   others went on
#   create_checkpoint          took 5.8 s   others went on
#   vacuum                     took 10.6 s   others went on
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check deltalake==1.6.6 arro3-core==0.9.1

cat > "$folder/store.py" <<'PYTHON'
"""As much of S3 as a Delta table needs: objects in memory, and answers that take what PUT /delay says."""

import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

objects: dict[str, bytes] = {}
delay = 0.0
MADE = {"ETag": '"1"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}


class Store(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    def ask(self) -> None:
        global delay
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        if url.path == "/delay":
            delay = float(sent)
            return self.answer(200)
        time.sleep(delay)
        key, asked = unquote(url.path).removeprefix("/bucket/"), parse_qs(url.query)
        if self.command == "PUT":
            if self.headers.get("If-None-Match") and key in objects:
                return self.answer(412)
            objects[key] = sent
            return self.answer(200, ETag='"1"')
        if "list-type" in asked:
            return self.answer(200, listed(asked["prefix"][0], asked.get("start-after", [""])[0]))
        if key not in objects:
            return self.answer(404)
        return self.part(objects[key])

    def part(self, body: bytes) -> None:
        wanted = self.headers.get("Range")
        if self.command == "HEAD" or wanted is None:
            return self.answer(200, body, **MADE)
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start = int(first) if first else max(0, len(body) - int(last))
        end = min(len(body), int(last) + 1) if first and last else len(body)
        return self.answer(206, body[start:end], **MADE, **{"Content-Range": f"bytes {start}-{end - 1}/{len(body)}"})

    do_GET = do_PUT = do_HEAD = ask

    def log_message(self, *_: object) -> None:
        pass


def listed(prefix: str, after: str) -> bytes:
    found = "".join(
        f"<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>1</ETag>"
        f"<Size>{len(objects[key])}</Size></Contents>"
        for key in sorted(objects)
        if key.startswith(prefix) and key > after
    )
    return f"<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>".encode()


server = ThreadingHTTPServer(("127.0.0.1", 0), Store)
print(server.server_port, flush=True)
server.serve_forever()
PYTHON

cat > "$folder/calls.py" <<'PYTHON'
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from urllib.request import Request, urlopen

from arro3.core import Array, DataType, Table
from deltalake import DeltaTable, write_deltalake
from deltalake.transaction import AddAction

URI = "s3://bucket/table"
longest_pause = 0.0


def tick() -> None:
    global longest_pause
    last = time.monotonic()
    while True:
        time.sleep(0.005)
        last, before = time.monotonic(), last
        longest_pause = max(longest_pause, last - before)


def measure(port: str) -> set[str]:
    endpoint = f"http://127.0.0.1:{port}"
    options = {"aws_endpoint_url": endpoint, "aws_allow_http": "true", "aws_conditional_put": "etag"}
    options |= {"aws_access_key_id": "a", "aws_secret_access_key": "b", "aws_region": "us-east-1"}
    rows = Table.from_pydict({"number": Array([1], DataType.int64())})
    for _ in range(3):
        write_deltalake(URI, rows, mode="append", storage_options=options)
    table = DeltaTable(URI, storage_options=options)
    added = [AddAction("another.parquet", 10, {}, 1, True, "{}")]
    calls: dict[str, Callable[[], object]] = {
        "is_deltatable": lambda: DeltaTable.is_deltatable(URI, options),
        "history": table.history,
        "DeltaTable()": lambda: DeltaTable(URI, storage_options=options),
        "update_incremental": table.update_incremental,
        "transaction_version": lambda: table.transaction_version("none"),
        "file_uris": table.file_uris,
        "get_add_actions": lambda: table.get_add_actions(flatten=True),
        "create_write_transaction": lambda: table.create_write_transaction(added, "append", table.schema()),
        "create_checkpoint": lambda: DeltaTable(URI, storage_options=options).create_checkpoint(),
        "vacuum": lambda: DeltaTable(URI, storage_options=options).vacuum(dry_run=True),
    }
    threading.Thread(target=tick, daemon=True).start()
    urlopen(Request(f"{endpoint}/delay", b"0.5", method="PUT")).read()
    return {name for name, call in calls.items() if stops_others(name, call)}


def stops_others(name: str, call: Callable[[], object]) -> bool:
    global longest_pause
    time.sleep(0.1)
    longest_pause, began = 0.0, time.monotonic()
    call()
    took = time.monotonic() - began
    time.sleep(0.1)
    stops = longest_pause > 0.45
    print(f"{name:<27}took {took:.1f} s   others {f'stopped for {longest_pause:.1f} s' if stops else 'went on'}")
    return stops


store = subprocess.Popen([sys.executable, sys.argv[1]], stdout=subprocess.PIPE, text=True)
try:
    found = measure(store.stdout.readline().strip())
finally:
    store.kill()
sys.exit(found != {"is_deltatable", "history"})
PYTHON
"$folder/venv/bin/python" "$folder/calls.py" "$folder/store.py"
