from groundwatch.logs.lookup import Lookup


class Clock:
    now_ms = 0

    def __call__(self):
        return self.now_ms


def test_the_least_recently_used_answer_goes_first():
    lookup = Lookup(2, None, Clock())
    for key in "ab":
        lookup.put(key, key, lookup.generation)
    lookup.get("a")
    lookup.put("c", "c", lookup.generation)
    assert [lookup.get(key) for key in "abc"] == ["a", None, "c"]


def test_answers_live_as_long_as_they_may():
    clock = Clock()
    lookup = Lookup(9, 1000, clock)
    lookup.put("a", 1, lookup.generation)
    clock.now_ms = 1000
    assert lookup.get("a") == 1
    clock.now_ms = 1001
    assert lookup.get("a") is None


def test_an_answer_that_was_looked_up_before_a_change_is_not_remembered():
    """Else a group that is deleted and made again would keep its old number for ever."""
    lookup = Lookup(9, None, Clock())
    before = lookup.generation
    lookup.drop("a")
    assert lookup.put("a", "outdated", before) == "outdated"
    assert lookup.get("a") is None
    lookup.drop_where(lambda key: key == "b")
    assert lookup.put("a", "fresh", lookup.generation) == "fresh"
    assert lookup.get("a") == "fresh"
