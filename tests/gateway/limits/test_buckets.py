"""Token buckets: arithmetic, several limits at once, bounded memory."""

from __future__ import annotations

import pytest

from groundwatch.gateway.limits.buckets import Limit, TokenBuckets


@pytest.mark.parametrize(
    ("rate", "burst", "times_s", "passed"),
    [
        pytest.param(1, 3, [0, 0, 0, 0], [1, 1, 1, 0], id="a-new-bucket-holds-the-burst"),
        pytest.param(2, 1, [0, 0.4, 0.5], [1, 0, 1], id="it-fills-at-the-rate"),
        pytest.param(10, 2, [0, 0, 100, 100, 100], [1, 1, 1, 1, 0], id="never-above-the-burst"),
        pytest.param(0, 1, [0, 1000], [1, 0], id="no-rate-never-fills"),
        pytest.param(5, 0, [0, 1000], [0, 0], id="no-burst-lets-nobody-through"),
        pytest.param(1, 1, [10, 0, 10.5, 11], [1, 0, 0, 1], id="a-clock-set-back-gives-nothing"),
        pytest.param(0.5, 1, [0, 1, 2], [1, 0, 1], id="less-than-one-a-second"),
    ],
)
def test_arithmetic(rate, burst, times_s, passed):
    buckets = TokenBuckets()
    assert [buckets.take([Limit("k", rate, burst)], now) is None for now in times_s] == [bool(one) for one in passed]


def test_the_first_limit_that_is_exceeded_refuses_and_nothing_is_taken():
    buckets = TokenBuckets()
    wide, narrow = Limit("wide", 0, 2), Limit("narrow", 0, 1)
    assert buckets.take([wide, narrow], 0) is None
    assert buckets.take([wide, narrow], 0) is narrow
    assert buckets.take([wide, narrow], 0) is narrow
    assert buckets.take([wide], 0) is None
    assert buckets.take([wide, narrow], 0) is wide


def test_a_changed_limit_holds_at_once():
    buckets = TokenBuckets()
    assert buckets.take([Limit("k", 1, 100)], 0) is None
    assert buckets.take([Limit("k", 0, 1)], 0) is None
    assert buckets.take([Limit("k", 0, 1)], 0) is not None


def test_the_memory_is_bounded_and_forgets_the_idlest():
    buckets = TokenBuckets(max_buckets=2)
    for key in ("a", "b", "a", "c"):
        buckets.take([Limit(key, 0, 2)], 0)
    assert len(buckets) == 2
    assert buckets.take([Limit("a", 0, 2)], 0) is not None
    assert buckets.take([Limit("b", 0, 1)], 0) is None
