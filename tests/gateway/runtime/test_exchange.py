import pytest

from groundwatch.gateway.runtime.exchange import DRAWN_AT_ONCE, RANDOM_BYTES, RandomPool


@pytest.mark.parametrize("size", [RANDOM_BYTES, RANDOM_BYTES + 1])
def test_random_bytes_are_never_given_twice(size):
    draw = RandomPool()
    drawn = [draw(size) for _ in range(2 * DRAWN_AT_ONCE + 1)]
    assert {len(each) for each in drawn} == {size}
    assert len(set(drawn)) == len(drawn)
