#!/usr/bin/env bash
# openapi-python-client 0.29.1, Python 3.11: of a response with several content types the generated client knows one.
#
# OpenAPI lets one status have several content types (a download as JSON or as CSV), and the server names the one that it
# sends in Content-Type. The generated client reads every answer of that status as the type that stands first in the
# document, whatever the header says: text/csv behind application/json is parsed as JSON and raises, application/json
# behind text/csv comes back as a plain str. The other types are dropped without a warning, also with --fail-on-warning.
# Who offers both puts first the type that generated clients should understand; the others are asked for with the
# client's `get_httpx_client()`.
#
# Seen, a server that sends what ?format= asks for:
#   json first, --fail-on-warning: exit 0
#   json first, format=json: Rows
#   json first, format=csv: JSONDecodeError
#   csv first, --fail-on-warning: exit 0
#   csv first, format=json: str
#   csv first, format=csv: str
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check openapi-python-client==0.29.1 httpx==0.28.1

cat > "$folder/ask.py" <<'PYTHON'
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

folder = Path(sys.argv[1])
JSON = {"schema": {"$ref": "#/components/schemas/Rows"}}
CSV = {"schema": {"type": "string"}}
ORDERS = {"json": {"application/json": JSON, "text/csv": CSV}, "csv": {"text/csv": CSV, "application/json": JSON}}


class Export(BaseHTTPRequestHandler):
    def do_GET(self):
        is_csv = "format=csv" in self.path
        body = b"day,clicks\r\n20260301,7\r\n" if is_csv else b'{"rows": [7]}'
        self.send_response(200)
        self.send_header("Content-Type", "text/csv" if is_csv else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def document(content):
    rows = {"type": "object", "required": ["rows"], "properties": {"rows": {"type": "array", "items": {"type": "integer"}}}}
    format_ = {"name": "format", "in": "query", "required": True, "schema": {"type": "string"}}
    answer = {"200": {"description": "The file.", "content": content}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Export", "version": "1"},
        "paths": {"/export": {"get": {"operationId": "export", "parameters": [format_], "responses": answer}}},
        "components": {"schemas": {"Rows": rows}},
    }


server = HTTPServer(("127.0.0.1", 0), Export)
threading.Thread(target=server.serve_forever, daemon=True).start()
said = []
for first, content in ORDERS.items():
    (folder / "openapi.json").write_text(json.dumps(document(content)))
    words = ["generate", "--path", "openapi.json", "--output-path", f"{first}_first", "--meta", "none", "--fail-on-warning"]
    program = [sys.executable, "-m", "openapi_python_client", *words]
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"  # it looks for ruff there
    ran = subprocess.run(program, cwd=folder, env={"PATH": path}, capture_output=True)
    said.append(f"{first} first, --fail-on-warning: exit {ran.returncode}")
    for wanted in ("json", "csv"):
        asking = (
            f"from {first}_first import Client\n"
            f"from {first}_first.api.default import export\n"
            f"client = Client('http://127.0.0.1:{server.server_port}')\n"
            "try:\n"
            f"    print(type(export.sync(client=client, format_='{wanted}')).__name__)\n"
            "except Exception as error:\n"
            "    print(type(error).__name__)\n"
        )
        asked = subprocess.run([sys.executable, "-c", asking], cwd=folder, capture_output=True, text=True)
        said.append(f"{first} first, format={wanted}: {asked.stdout.strip() or asked.stderr.strip()}")
print("\n".join(said))
expected = """json first, --fail-on-warning: exit 0
json first, format=json: Rows
json first, format=csv: JSONDecodeError
csv first, --fail-on-warning: exit 0
csv first, format=json: str
csv first, format=csv: str"""
sys.exit(0 if said == expected.splitlines() else 1)
PYTHON
"$folder/venv/bin/python" "$folder/ask.py" "$folder"
