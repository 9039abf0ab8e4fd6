"""Who clicked, with what, and from where: verdicts on distinct user agents and referrers, from versioned lists."""

from ingest.classify.decoding import decode_once, decode_until_stable
from ingest.classify.link_queries import classify_queries, utm_of_destinations
from ingest.classify.networks import classify_addresses
from ingest.classify.range_index import RangeIndex, index_ranges
from ingest.classify.referrers import classify_referrers
from ingest.classify.request_headers import classify_headers
from ingest.classify.verdicts import LIST_VERSION, classify_user_agents

__all__ = [
    "LIST_VERSION",
    "RangeIndex",
    "classify_addresses",
    "classify_headers",
    "classify_queries",
    "classify_referrers",
    "classify_user_agents",
    "decode_once",
    "decode_until_stable",
    "index_ranges",
    "utm_of_destinations",
]
