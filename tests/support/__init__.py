"""What several tiers of tests share: log lines written for Clickledger, small worlds, real servers."""
