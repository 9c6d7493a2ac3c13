"""Wildcards: what they match, and that no pattern takes long."""

import fnmatch
import random
import time

import pytest

from groundwatch.identity.policy.glob import compile_glob


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        pytest.param("", "", True, id="empty matches empty"),
        pytest.param("", "a", False, id="empty matches nothing else"),
        pytest.param("*", "", True, id="a star matches nothing at all"),
        pytest.param("*", "a/b:c", True, id="a star crosses slashes and colons"),
        pytest.param("?", "", False, id="a question mark needs a character"),
        pytest.param("a*a", "a", False, id="prefix and suffix do not overlap"),
        pytest.param("a*b*c", "axbxc", True, id="several stars"),
        pytest.param("a*b*c", "axcxb", False, id="order counts"),
        pytest.param("a**c", "ac", True, id="two stars are one"),
        pytest.param("*?b?*", "aabcc", True, id="holes between stars"),
        pytest.param("*a?c*", "abxaxc", True, id="a hole after a false start"),
        pytest.param("*??*", "x", False, id="only holes"),
        pytest.param("a?c", "a.c", True, id="hole in an exact pattern"),
        pytest.param("a[bc]", "ab", False, id="brackets are literal"),
        pytest.param("a.c", "abc", False, id="a dot is literal"),
    ],
)
def test_rows(pattern, text, matches):
    assert compile_glob(pattern).matches(text) is matches


def test_agrees_with_another_matcher_on_random_patterns():
    rng = random.Random(7)
    for _ in range(5_000):
        pattern = "".join(rng.choices("ab*?", k=rng.randrange(8)))
        text = "".join(rng.choices("ab", k=rng.randrange(10)))
        assert compile_glob(pattern).matches(text) is fnmatch.fnmatchcase(text, pattern), (pattern, text)


@pytest.mark.parametrize(
    "pattern", ["*a" * 1000 + "*b*", "*a?" * 600 + "*b*", "*" + "?a" * 900 + "b*", "*?" * 900 + "b*a"]
)
def test_hostile_patterns_stay_fast(pattern):
    text = "a" * 4000
    glob = compile_glob(pattern)
    started = time.perf_counter()
    assert not glob.matches(text)
    assert time.perf_counter() - started < 0.5
