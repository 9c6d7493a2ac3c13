"""The cache of authorizers' results: its time and its size."""

import pytest

from groundwatch.gateway.authorizers.cache import ResultCache


@pytest.fixture
def cache():
    return ResultCache(max_bytes=10)


def test_a_value_is_kept_until_its_time(cache):
    cache.put("a", 1, until_ms=100, size_bytes=1)
    assert cache.get("a", 99) == 1
    assert cache.get("a", 100) is None
    assert cache.get("a", 99) is None


def test_the_least_used_goes_first(cache):
    cache.put("a", 1, until_ms=100, size_bytes=4)
    cache.put("b", 2, until_ms=100, size_bytes=4)
    cache.get("a", 0)
    cache.put("c", 3, until_ms=100, size_bytes=4)
    assert [cache.get(key, 0) for key in "abc"] == [1, None, 3]


def test_a_value_put_again_counts_once(cache):
    for value in range(5):
        cache.put("a", value, until_ms=100, size_bytes=6)
    cache.put("b", 9, until_ms=100, size_bytes=4)
    assert (cache.get("a", 0), cache.get("b", 0)) == (4, 9)


def test_a_value_larger_than_the_cache_is_not_kept(cache):
    cache.put("a", 1, until_ms=100, size_bytes=11)
    assert cache.get("a", 0) is None


def test_forgetting_by_key(cache):
    cache.put(("x", 1), 1, until_ms=100, size_bytes=1)
    cache.put(("y", 1), 2, until_ms=100, size_bytes=1)
    cache.forget(lambda key: key[0] == "x")
    assert (cache.get(("x", 1), 0), cache.get(("y", 1), 0)) == (None, 2)
