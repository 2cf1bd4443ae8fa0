"""What is remembered: the ledger in Redis, and the rules that judge a request against it."""
