"""The gateway's benchmarks in short: their definitions are valid, and their figures are within the targets by far."""

import pytest
from benchmarks.client import Endpoint
from benchmarks.definitions import encoded, mocks
from benchmarks.figures import slope
from benchmarks.servers import Server
from benchmarks.signing import AccessKey

from benchmarks import gateway_compile, gateway_memory

ENDPOINT = Endpoint("127.0.0.1", 1)
SERVER = Server("Groundwatch", 1, ENDPOINT, AccessKey("a", "b"), 0.0, ENDPOINT)


@pytest.mark.parametrize("methods", [1, 3, 10])
def test_a_definition_has_as_many_methods_as_asked_for(methods):
    api = gateway_compile.read_api(encoded(mocks(methods)))
    assert sum(len(resource.methods) for resource in api.resources.values()) == methods


def test_three_hundred_methods_are_read_and_compiled_in_a_second():
    document = encoded(mocks(gateway_compile.METHODS))
    assert min(gateway_compile.compile_all(document) for _ in range(3)) < gateway_compile.TARGET_S


@pytest.mark.parametrize(
    ("values", "growth"),
    [([], 0), ([5], 0), ([1, 1, 1], 0), ([0, 2, 4], 2), ([10, 0, 10, 0], -2), ([3, 2, 1], -1)],
)
def test_slope(values, growth):
    assert slope(values) == pytest.approx(growth)


def test_no_two_requests_of_the_memory_benchmark_are_alike():
    heads = [each.head for each in gateway_memory.mixed(SERVER, "abcdefghij", range(100))]
    assert len(set(heads)) == 100
    assert sum(b"/unknown" in head for head in heads) == sum(b"/guarded" in head for head in heads) == 10
