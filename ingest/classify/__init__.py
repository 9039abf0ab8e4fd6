"""Who clicked, with what, and from where: verdicts on distinct user agents and referrers, from versioned lists."""

from analytics_core.store.schemas import HEAD_RULE
from ingest.classify.agents import LIST_VERSION, classify_user_agents
from ingest.classify.decoding import decode_once, decode_until_stable
from ingest.classify.referrers import classify_referrers

__all__ = [
    "HEAD_RULE",
    "LIST_VERSION",
    "classify_referrers",
    "classify_user_agents",
    "decode_once",
    "decode_until_stable",
]
