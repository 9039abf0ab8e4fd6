"""Access to S3-compatible storage: credentials and endpoint as boto3 finds them, in the words of each library."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Location(NamedTuple):
    bucket: str
    key: str


def is_object_url(url: str) -> bool:
    return url.startswith("s3://")


def parse_location(url: str) -> Location:
    """`s3://bucket/some/prefix` as bucket and key; the key may be empty."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return Location(bucket, key)


@cache
def client() -> S3Client:
    import boto3  # noqa: PLC0415  (takes a sixth of the start of every command, which a folder's need not wait for)
    from botocore.config import Config  # noqa: PLC0415

    # Checksums beyond the protocol's own are left out: S3-compatible servers reject them.
    config = Config(
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        retries={"mode": "standard", "max_attempts": 5},
        connect_timeout=5,
        read_timeout=60,
    )
    return boto3.client("s3", config=config)  # pyright: ignore[reportUnknownMemberType]


def storage_options(url: str) -> dict[str, str]:
    """What delta-rs and Polars need to read and write `url`; empty for a folder."""
    if not is_object_url(url):
        return {}
    import boto3  # noqa: PLC0415

    session = boto3.Session()
    options = {
        "aws_region": session.region_name or "us-east-1",
        # Commits are put-if-absent, which needs no lock table.
        "aws_conditional_put": "etag",
    }
    endpoint = client().meta.endpoint_url
    if "amazonaws.com" not in endpoint:
        options |= {"aws_endpoint_url": endpoint, "aws_virtual_hosted_style_request": "false"}
        if endpoint.startswith("http://"):
            options["aws_allow_http"] = "true"
    credentials = session.get_credentials()
    if credentials is not None:
        frozen = credentials.get_frozen_credentials()
        if frozen.access_key and frozen.secret_key:
            options |= {"aws_access_key_id": frozen.access_key, "aws_secret_access_key": frozen.secret_key}
        if frozen.token:
            options["aws_session_token"] = frozen.token
    return options
