"""From log objects to facts and roll-ups: what `clickledger sync` and the commands beside it do."""
