"""A demo world: three handles with 90 days of CloudFront logs, and the true totals that the dashboard must show."""

from ingest.demo.posted_events import keep_followed
from ingest.demo.world import World, describe_truth, make_world

__all__ = ["World", "describe_truth", "keep_followed", "make_world"]
