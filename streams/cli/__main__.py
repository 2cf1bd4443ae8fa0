"""`python -m streams.cli` is `redeemonce`."""

from streams.cli import main

main()
