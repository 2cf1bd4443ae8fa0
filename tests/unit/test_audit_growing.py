"""Where the audit looks for a key of a growing table."""

import pytest

from streams.audit.growing import Buckets


@pytest.mark.parametrize("entries", [1, 32, 33, 64, 65, 96, 97, 1000, 4097])
def test_every_key_has_one_bucket_of_those_there_are(entries: int) -> None:
    buckets = Buckets(entries)
    places = {buckets.of(place.to_bytes(4, "big") + b"x") for place in range(4 * entries)}

    assert places == set(range(buckets.count))
