"""Keys of the object storage that end while the process lives: what is given next is used, before the old ones end."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2 as httpx
import pytest
from support import s3
from support.filled import Click, add_batch, click_frame
from support.logs import realtime_text, requests
from support.servers import SERVER, running
from support.world import NOW, World

from analytics_core.errors import StoreUnavailableError
from analytics_core.store import object_storage
from analytics_core.store.lake import Lake
from analytics_core.store.lake_tables import CLICKS

pytestmark = pytest.mark.s3

BUCKET = "passing"


@dataclass
class Keys:
    """A program that gives temporary keys, as an AWS configuration names one, and the server that takes them."""

    folder: Path
    endpoint: str
    given: list[str] = field(default_factory=list[str])

    def give_next(self) -> None:
        """The next ones; the server takes them alone."""
        self.given.append(f"KEYS{len(self.given) + 1}")
        s3.let_in(self.folder, self.endpoint, self.given[-1])
        until = datetime.now(UTC) + timedelta(minutes=5)
        said = {"Version": 1, "AccessKeyId": self.given[-1], "SecretAccessKey": s3.secret_of(self.given[-1])}
        (self.folder / "keys.json").write_text(json.dumps(said | {"Expiration": until.isoformat()}))

    def environment(self) -> dict[str, str]:
        process = f"cat {self.folder / 'keys.json'}"
        (self.folder / "config").write_text(f"[default]\nregion = us-east-1\ncredential_process = {process}\n")
        return {
            "AWS_CONFIG_FILE": str(self.folder / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.folder / "none"),
            "AWS_ENDPOINT_URL": self.endpoint,
        }


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    folder = tmp_path_factory.mktemp("s3")
    with s3.running(folder) as endpoint:
        s3.connect(endpoint).create_bucket(Bucket=BUCKET)
        yield folder, endpoint


@pytest.fixture
def keys(server: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Keys]:
    made = Keys(*server)
    made.give_next()
    for name in s3.KEYS:
        monkeypatch.delenv(name, raising=False)
    for name, value in made.environment().items():
        monkeypatch.setenv(name, value)
    object_storage.forget_session()
    yield made
    object_storage.forget_session()


def put(keys: Keys, key: str, clicks: int, start: int) -> None:
    body = gzip.compress(realtime_text(requests(clicks, start=start)).encode(), mtime=0)
    s3.connect(keys.endpoint).put_object(Bucket=BUCKET, Key=key, Body=body)


def test_a_web_process_and_syncs_go_on_with_the_next_keys(world: World, keys: Keys) -> None:
    there = replace(world, environment={"CLICKLEDGER_LAKE": f"s3://{BUCKET}/lake"})
    header = {"Authorization": f"Bearer {there.run_token('user_ann')}"}
    asked = {"groupBy": "slug", "fromDay": "20260301", "toDay": "20260331"}
    counted: list[int] = []
    put(keys, "logs/0", 10, 0)
    there.run("sync", "--source", f"s3://{BUCKET}/logs/")
    with running(there, *SERVER) as (base, _):
        for part in range(1, 3):
            answer = httpx.get(f"{base}/v2/handles/acme/analytics", params=asked, headers=header, timeout=60)
            counted.append(answer.json()["totals"]["clicks"])
            assert httpx.get(f"{base}/readyz", timeout=60).status_code == 200
            keys.give_next()
            put(keys, f"logs/{part}", 10, 10 * part)
            there.run("sync", "--source", f"s3://{BUCKET}/logs/")

    assert counted == [10, 20]


def test_a_commit_is_signed_by_the_keys_of_its_moment(keys: Keys) -> None:
    lake = Lake(f"s3://{BUCKET}/commits")
    table = lake.open(CLICKS)
    keys.give_next()

    lake.append(table, CLICKS, click_frame([Click(NOW), Click(NOW)]))

    assert lake.open(CLICKS).version() == table.version() + 1


def test_rows_are_read_by_the_keys_of_their_moment(keys: Keys) -> None:
    lake = Lake(f"s3://{BUCKET}/rows")
    add_batch(lake, [Click(NOW), Click(NOW)])
    rows = lake.scan(lake.open(CLICKS), CLICKS)
    keys.give_next()

    assert rows.collect().height == 2


def test_keys_that_nobody_gives_are_told_as_such(keys: Keys) -> None:
    lake = Lake(f"s3://{BUCKET}/keyless")
    (keys.folder / "keys.json").unlink()

    with pytest.raises(StoreUnavailableError, match="The keys of the lake's object storage are not to be had"):
        lake.open(CLICKS)
