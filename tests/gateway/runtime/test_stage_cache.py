"""The stage cache: what is kept, under which key, for how long, and who may have it replaced."""

from __future__ import annotations

import asyncio

import pytest
from tests.gateway.runtime.conftest import API

from groundwatch.aws.http import WireResponse
from groundwatch.gateway.definition import MethodSetting
from groundwatch.gateway.runtime.response_cache import ENTRY_OVERHEAD_BYTES, MAX_ENTRY_BYTES, ResponseCache

CACHED = {"cache_cluster_enabled": True, "method_settings": {"*/*": MethodSetting(caching_enabled=True)}}
PLACE = ("api", "stage")


@pytest.fixture
def make_cached(make_gateway, aws):
    def make(cache_key_parameters=(), verb="GET", settings=None, **changes):
        method = aws(verb, integration={"cache_key_parameters": list(cache_key_parameters)}, **changes)
        gateway = make_gateway({"/{group}": method})
        gateway.catalog.set_stage(**CACHED)
        if settings is not None:
            gateway.catalog.set_stage(method_settings=settings)
        return gateway

    return make


async def calls(gateway, *paths, headers=None, method="GET"):
    """Send requests and return how many reached the backend."""
    for path in paths:
        await gateway.request(path, method, headers=headers)
    return len(gateway.backend.calls)


@pytest.mark.parametrize(
    ("parameters", "paths", "expected"),
    [
        pytest.param([], ["/a", "/a", "/a?q=1"], 1, id="nothing-that-is-not-listed-varies"),
        pytest.param([], ["/a", "/b"], 1, id="not-even-the-path"),
        pytest.param(["method.request.path.group"], ["/a", "/b", "/a"], 2, id="path"),
        pytest.param(["method.request.querystring.q"], ["/a?q=1", "/a?q=2", "/a", "/b?q=1"], 3, id="query"),
        pytest.param(["method.request.querystring.q"], ["/a?q=", "/a"], 2, id="empty-is-not-absent"),
        pytest.param(["context.requestId"], ["/a", "/a"], 2, id="what-cannot-be-read-is-not-cached"),
    ],
)
async def test_keys(make_cached, parameters, paths, expected):
    assert await calls(make_cached(parameters), *paths) == expected


async def test_a_header_in_the_key(make_cached):
    gateway = make_cached(["method.request.header.X-Team"])
    await calls(gateway, "/a", headers={"x-team": "1"})
    await calls(gateway, "/a", headers={"X-Team": "1"})
    assert await calls(gateway, "/a", headers={"x-team": "2"}) == 2


async def test_a_hit_has_the_same_answer_and_ids_of_its_own(make_cached):
    gateway = make_cached()
    first, second = await gateway.request("/a"), await gateway.request("/a")
    assert (second.status, second.body) == (first.status, first.body)
    assert second.headers["content-type"] == first.headers["content-type"]
    assert second.headers["x-amzn-requestid"] != first.headers["x-amzn-requestid"]
    assert "x-amzn-trace-id" in first.headers
    assert "x-amzn-trace-id" not in second.headers


@pytest.mark.parametrize(
    ("verb", "settings", "expected"),
    [
        pytest.param("POST", None, 2, id="only-get-by-default"),
        pytest.param("POST", {"{group}/POST": MethodSetting(caching_enabled=True)}, 1, id="others-by-a-setting"),
        pytest.param("GET", {}, 1, id="get-without-any-setting"),
        pytest.param("GET", {"{group}/GET": MethodSetting(caching_enabled=False)}, 2, id="switched-off-for-the-method"),
        pytest.param("GET", {"*/*": MethodSetting(caching_enabled=False)}, 2, id="switched-off-for-all"),
        pytest.param("GET", {"*/*": MethodSetting(logging_level="INFO")}, 1, id="not-switched-off-by-another-setting"),
        pytest.param("POST", {"{group}/POST": MethodSetting(logging_level="INFO")}, 2, id="nor-switched-on"),
        pytest.param(
            "GET",
            {"{group}/GET": MethodSetting(logging_level="INFO"), "*/*": MethodSetting(caching_enabled=False)},
            2,
            id="a-method-that-says-nothing-follows-all",
        ),
        pytest.param(
            "GET", {"*/*": MethodSetting(caching_enabled=True, cache_ttl_in_seconds=0)}, 2, id="no-time-to-live"
        ),
    ],
)
async def test_which_methods(make_cached, verb, settings, expected):
    assert await calls(make_cached(verb=verb, settings=settings), "/a", "/a", method=verb) == expected


async def test_without_a_cluster_nothing_is_cached(make_cached):
    gateway = make_cached()
    gateway.catalog.set_stage(cache_cluster_enabled=False)
    assert await calls(gateway, "/a", "/a") == 2


async def test_entries_end(make_cached):
    gateway = make_cached()
    await calls(gateway, "/a")
    gateway.clock.now_ms += 299_999
    assert await calls(gateway, "/a") == 1
    gateway.clock.now_ms += 1
    assert await calls(gateway, "/a") == 2


async def test_failures_are_not_kept(make_cached):
    gateway = make_cached()
    gateway.backend.answer = WireResponse(400, (), b"{}")
    assert await calls(gateway, "/a", "/a") == 2


async def test_keys_are_checked_before_the_cache(make_cached):
    gateway = make_cached(api_key_required=True)
    assert (await gateway.request("/a")).status == 403


FRESH = {"cache-control": "max-age=0"}


@pytest.mark.parametrize(
    ("setting", "status", "warned", "backend_calls"),
    [
        pytest.param({"require_authorization_for_cache_control": False}, 200, False, 2, id="anybody-may"),
        pytest.param({}, 200, True, 1, id="cached-with-a-warning-by-default"),
        pytest.param(
            {"unauthorized_cache_control_header_strategy": "SUCCEED_WITHOUT_RESPONSE_HEADER"}, 200, False, 1, id="no"
        ),
        pytest.param({"unauthorized_cache_control_header_strategy": "FAIL_WITH_403"}, 403, False, 1, id="refused"),
    ],
)
async def test_invalidation(make_cached, setting, status, warned, backend_calls):
    gateway = make_cached(settings={"*/*": MethodSetting(caching_enabled=True, **setting)})
    await gateway.request("/a")
    answer = await gateway.request("/a", headers=FRESH)
    assert (answer.status, "warning" in answer.headers, len(gateway.backend.calls)) == (status, warned, backend_calls)


async def test_flushes(make_cached):
    gateway = make_cached()
    await calls(gateway, "/a")
    gateway.app.stage_caches.flush_data("abcdef1234", "other")
    assert await calls(gateway, "/a") == 1
    gateway.app.stage_caches.flush_data("abcdef1234", "v1")
    assert await calls(gateway, "/a") == 2


async def test_hits_and_misses_are_counted(make_cached):
    gateway = make_cached()
    await calls(gateway, "/a", "/a", "/a")
    (figures,) = gateway.app.traffic.take().values()
    assert (figures.count, figures.cache_hits, figures.cache_misses, figures.integration_latency.count) == (3, 2, 1, 1)


class TestResponseCache:
    """The store itself."""

    def response(self, size=10):
        return WireResponse(200, (), b"x" * size)

    def test_it_is_bounded_by_bytes_and_drops_the_least_used(self):
        cache = ResponseCache(lambda: 0, max_bytes=2 * (ENTRY_OVERHEAD_BYTES + 11))
        for name in ("a", "b"):
            cache.put(PLACE, (name,), self.response(), 10, 0)
        assert cache.get(PLACE, ("a",))
        cache.put(PLACE, ("c",), self.response(), 10, 0)
        assert [bool(cache.get(PLACE, (name,))) for name in "abc"] == [True, False, True]
        assert cache.size_bytes == 2 * (ENTRY_OVERHEAD_BYTES + 11)

    def test_too_large_an_answer_is_not_kept_and_takes_the_old_one_away(self):
        cache = ResponseCache(lambda: 0)
        cache.put(PLACE, ("a",), self.response(), 10, 0)
        cache.put(PLACE, ("a",), self.response(MAX_ENTRY_BYTES + 1), 10, 0)
        assert cache.get(PLACE, ("a",)) is None
        assert (len(cache), cache.size_bytes) == (0, 0)


async def overtaken(make_cached, act):
    """Answer a request slowly, `act` meanwhile, and return what the next request is answered."""
    gateway = make_cached()
    began, may_end = asyncio.Event(), asyncio.Event()

    async def slowly(_request):
        if len(gateway.backend.calls) == 1:
            began.set()
            await may_end.wait()
            return WireResponse(200, (), b'"old"')
        return WireResponse(200, (), b'"new"')

    gateway.backend.answer = slowly
    first = asyncio.create_task(gateway.request("/a"))
    await began.wait()
    gateway.clock.now_ms += 1
    await act(gateway)
    may_end.set()
    assert (await first).body == '"old"'
    gateway.clock.now_ms += 1
    return (await gateway.request("/a")).body


async def test_a_flush_is_not_undone_by_a_slow_answer(make_cached):
    async def flush(gateway):
        gateway.app.stage_caches.flush_data(API, "v1")

    assert await overtaken(make_cached, flush) == '"new"'


async def test_a_fresh_answer_is_not_replaced_by_an_older_one(make_cached):
    async def refresh(gateway):
        assert (await gateway.request("/a")).body == '"new"'

    assert await overtaken(make_cached, refresh) == '"new"'
