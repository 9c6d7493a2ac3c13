"""Access logs and execution logs of stages, and the figures that are kept for metrics."""

from __future__ import annotations

import pytest

from groundwatch.aws.http import WireResponse
from groundwatch.gateway.definition import AccessLogSettings, ApiKey, MethodSetting, UsagePlan
from groundwatch.gateway.log_destinations import DeliveryStream, LogGroup
from groundwatch.gateway.runtime.execution_log import KEPT_CHARACTERS, StageLog, masked
from groundwatch.gateway.runtime.log_format import MAX_LINE_CHARACTERS
from groundwatch.gateway.runtime.stage_logs import MAX_EVENT_BYTES, StageLogs, TryLaterError, truncated
from groundwatch.gateway.runtime.traffic import MethodPlace, Times

ACCOUNT, REGION, API = "123456789012", "eu-west-1", "abcdef1234"
GROUP = "/gateway/access"
ARN = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{GROUP}"
EXECUTION = LogGroup(ACCOUNT, REGION, f"API-Gateway-Execution-Logs_{API}/v1")
VALUE = "secret-key-value-012345"


class Sink:
    def __init__(self, *failures):
        self.failures = list(failures)
        self.lines = {}

    async def append(self, destination, stream, events):
        if self.failures:
            raise self.failures.pop()
        self.lines.setdefault(destination, []).extend(message for _, message in events)


async def logged(gateway):
    """Return what reached the log service, by log group."""
    sink = Sink()
    gateway.app.stage_logs._sink = sink
    await gateway.app.stage_logs.flush()
    return sink.lines


@pytest.fixture
def gateway(make_gateway, mock):
    return make_gateway({"/pets/{id}": mock("/pets")})


def access_log(gateway, text, arn=ARN):
    gateway.catalog.set_stage(access_log_settings=AccessLogSettings(arn, text))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("$context.status $context.httpMethod", "200 GET", id="simple"),
        pytest.param('{"a":"$context.resourcePath"}', '{"a":"/pets/{id}"}', id="json"),
        pytest.param("$context.path,$context.protocol", "/v1/pets/5,HTTP/1.1", id="csv"),
        pytest.param("[$context.requestTime]", "[14/Nov/2023:22:13:20 +0000]", id="clf-time"),
        pytest.param("$context.identity.sourceIp $context.identity.caller", "203.0.113.9 -", id="null-is-a-dash"),
        pytest.param("$context.nope $context.identity", "- -", id="unknown-and-maps-are-dashes"),
        pytest.param("$context.responseLength", "18", id="length"),
        pytest.param("$context.integration.status $context.integrationLatency", "200 0", id="integration"),
        pytest.param("$context.error.message", "-", id="no-error"),
        pytest.param("$context.status.", "200.", id="a-dot-behind"),
        pytest.param("#set($x = 1)", "#set($x = 1)", id="no-velocity"),
    ],
)
async def test_formats(gateway, text, line):
    access_log(gateway, text)
    await gateway.request("/pets/5")
    assert await logged(gateway) == {LogGroup(ACCOUNT, REGION, GROUP): [line]}


async def test_failures_are_logged_too(gateway):
    access_log(gateway, "$context.status $context.error.responseType $context.error.messageString")
    await gateway.request("/cats")
    lines = await logged(gateway)
    assert list(lines.values()) == [['403 MISSING_AUTHENTICATION_TOKEN "Missing Authentication Token"']]


async def test_nobody_can_write_a_second_line(gateway):
    access_log(gateway, "$context.identity.userAgent")
    await gateway.request("/pets/5", headers={"user-agent": "a\tb"})
    assert "\t" not in str(await logged(gateway))


@pytest.mark.parametrize("arn", [ARN.replace(ACCOUNT, "444455556666"), ARN.replace(REGION, "us-east-1"), "arn:nope"])
async def test_lines_never_leave_the_account(gateway, arn):
    access_log(gateway, "$context.status", arn)
    assert (await gateway.request("/pets/5")).status == 200
    assert await logged(gateway) == {}


async def execution_lines(gateway, **setting):
    gateway.catalog.set_stage(method_settings={"*/*": MethodSetting(**setting)})
    answer = await gateway.request("/pets/5", headers={"authorization": "Bearer abcdefghijklmnop", "x-api-key": VALUE})
    prefix = f"({answer.headers['x-amzn-requestid']}) "
    found = (await logged(gateway)).get(EXECUTION, [])
    assert all(line.startswith(prefix) for line in found)
    return [line.removeprefix(prefix) for line in found]


async def test_info_tells_the_steps_without_the_data(gateway):
    lines = await execution_lines(gateway, logging_level="INFO")
    assert [line.partition(":")[0] for line in lines] == [
        "Extended Request Id",
        "Verifying Usage Plan for request",
        (
            "API Key  authorized because method 'GET /pets/{id}' does not require API Key. Request will not "
            "contribute to throttle or quota limits"
        ),
        f"Usage Plan check succeeded for API Key  and API Stage {API}/v1",
        "Starting execution for request",
        "HTTP Method",
        "Successfully completed execution",
        "Method completed with status",
    ]


async def test_data_trace_shows_the_data_but_no_secrets(gateway):
    lines = await execution_lines(gateway, logging_level="INFO", data_trace_enabled=True)
    assert "Method request path: {id=5}" in lines
    (headers,) = [line for line in lines if line.startswith("Method request headers")]
    assert "authorization=***klmnop" in headers
    assert "x-api-key=***012345" in headers
    assert VALUE not in str(lines)
    assert "Bearer" not in str(lines)


async def test_the_answer_of_a_backend_comes_before_what_it_held(make_gateway, aws):
    gateway = make_gateway({"/pets/{id}": aws(integration={"request_templates": {"application/json": "{}"}})})
    headers = (("x-amzn-RequestId", "from-logs"),)
    gateway.backend.answer = WireResponse(200, headers, b"{}")
    lines = await execution_lines(gateway, logging_level="INFO", data_trace_enabled=True)
    begun = lines.index("Received response. Status: 200, Integration latency: 0 ms")
    assert lines[begun - 1].startswith("Sending request to ")
    assert [line.partition(":")[0] for line in lines[begun + 1 :]] == [
        "Endpoint response headers",
        "Endpoint response body before transformations",
        "Method response body after transformations",
        "Method response headers",
        "Successfully completed execution",
        "Method completed with status",
        "AWS Integration Endpoint RequestId ",
    ]


async def test_error_tells_failures_only(make_gateway, mock):
    gateway = make_gateway({"/pets/{id}": mock(integration={"request_templates": {"application/json": "{}"}})})
    lines = await execution_lines(gateway, logging_level="ERROR")
    assert lines == [
        (
            "Execution failed due to configuration error: Unable to parse statusCode. It should be an integer that is "
            "defined in the request template."
        )
    ]


async def test_error_tells_of_throttles(gateway):
    lines = await execution_lines(gateway, logging_level="ERROR", throttling_burst_limit=0, throttling_rate_limit=0.0)
    (line,) = lines
    assert line.startswith(f"API Key  exceeded throttle limit for API Stage {API}/v1: Method throttle limit exceeded")
    assert line.endswith("HttpMethod GET. Limit: 0.00 Burst: 0")


async def test_off_is_silent(gateway):
    assert await execution_lines(gateway, logging_level="OFF", data_trace_enabled=True) == []


async def test_a_key_is_masked(make_gateway, mock):
    gateway = make_gateway({"/pets/{id}": mock("/pets", api_key_required=True)})
    gateway.catalog.keys[VALUE] = ApiKey("key1", VALUE, "k", ACCOUNT, REGION, 0, 0, enabled=True)
    gateway.catalog.plans["key1"] = UsagePlan("plan1", "p", ACCOUNT, REGION)
    lines = await execution_lines(gateway, logging_level="INFO")
    assert f"Usage Plan check succeeded for API Key ***012345 and API Stage {API}/v1" in lines


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        pytest.param({}, "the request brings none", id="none"),
        pytest.param({"x-api-key": VALUE}, f"***012345 is unknown, disabled, or in no plan of {API}/v1", id="refused"),
    ],
)
async def test_why_a_key_is_refused(make_gateway, mock, headers, reason):
    gateway = make_gateway({"/pets/{id}": mock("/pets", api_key_required=True)})
    gateway.catalog.set_stage(method_settings={"*/*": MethodSetting(logging_level="ERROR")})
    answer = await gateway.request("/pets/5", headers=headers)
    (line,) = (await logged(gateway))[EXECUTION]
    assert (answer.status, answer.body) == (403, '{"message":"Forbidden"}')
    assert line.endswith(f"Execution failed: method 'GET /pets/{{id}}' requires an API key: {reason}")


@pytest.mark.parametrize(("secret", "shown"), [("", "***"), ("short", "***"), ("x" * 20 + "abcdef", "***abcdef")])
def test_masks(secret, shown):
    assert masked(secret) == shown


def test_a_log_that_was_not_begun_drops_everything():
    log = StageLog()
    log.line("Execution failed: x")
    assert log.lines == []


@pytest.mark.parametrize("line", ["x" * 2000, "ö" * 2000, "x" * MAX_EVENT_BYTES])
def test_lines_are_truncated(line):
    kept = truncated(line)
    assert len(kept.encode()) <= MAX_EVENT_BYTES
    assert kept == line or kept.endswith("[TRUNCATED]")


class TestQueue:
    """StageLogs on its own."""

    async def test_what_is_too_much_is_counted(self):
        logs = StageLogs(max_queued_bytes=200)
        logs.add(EXECUTION, 0, ["x" * 100])
        logs.add(EXECUTION, 0, ["x" * 100, "y"])
        assert logs.lost == 2

    async def test_what_is_refused_is_counted_and_others_go_on(self):
        logs = StageLogs()
        sink = Sink(ValueError("no"))
        logs.add(EXECUTION, 0, ["a"])
        logs.add(EXECUTION._replace(group="other"), 0, ["b"])
        logs.start(sink)
        await logs.stop()
        assert logs.lost == 1
        assert [*sink.lines.values()] == [["b"]]


class Refusing:
    """Takes `takes` lines of what it is offered, and wants the others later."""

    def __init__(self, takes=0):
        self.takes, self.offered, self.taken = takes, [], []

    async def append(self, destination, stream, events):
        lines = [line for _, line in events]
        self.offered.append(lines)
        self.taken += lines[: self.takes]
        if len(lines) > self.takes:
            raise TryLaterError(events[self.takes :], "busy")


class TestLater:
    """Destinations that ask for time."""

    def logs(self, sink, **settings):
        now = [0.0]
        logs = StageLogs(clock_s=lambda: now[0], **settings)
        logs._sink = sink
        return logs, now

    async def test_what_was_not_taken_is_offered_again_in_order_and_with_growing_pauses(self):
        sink = Refusing(takes=1)
        logs, now = self.logs(sink)
        logs.add(EXECUTION, 0, ["a", "b"])
        for at_s in (0.0, 0.5, 1.0, 2.5, 3.0, 4.0):
            now[0] = at_s
            logs.add(EXECUTION, 0, [f"{at_s}"])
            await logs.flush(all_destinations=False)
        assert [lines[0] for lines in sink.offered] == ["a", "b", "0.0"]
        assert logs.lost == 0

    async def test_at_the_end_everything_is_offered_once_more(self):
        sink = Refusing()
        logs, _ = self.logs(sink)
        logs.add(EXECUTION, 0, ["a"])
        await logs.flush()
        sink.takes = 9
        await logs.flush()
        assert sink.taken == ["a"]
        assert logs._queued_bytes == 0

    async def test_one_destination_cannot_take_the_room_of_others(self):
        sink = Refusing()
        logs, _ = self.logs(sink, max_queued_bytes=4000)
        for number in range(20):
            logs.add(EXECUTION, 0, [f"{number:0100}"])
            await logs.flush()
        assert 0 < logs._queued_bytes <= 1000
        sink.takes = 20
        await logs.flush()
        assert logs.lost + len(sink.taken) == 20
        assert sink.taken[-1].endswith("19")


STREAM = f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/amazon-apigateway-logs"
STREAMS = [
    pytest.param(STREAM, [DeliveryStream(ACCOUNT, REGION, "amazon-apigateway-logs", STREAM)], id="a stream"),
    pytest.param(STREAM.replace(ACCOUNT, "444455556666"), [], id="of another account"),
    pytest.param(STREAM.replace("amazon-apigateway-", ""), [], id="of another name"),
]


@pytest.mark.parametrize(("arn", "destinations"), STREAMS)
async def test_access_logs_for_firehose_have_a_queue_of_their_own(arn, destinations, gateway):
    access_log(gateway, "$context.status", arn)
    await gateway.request("/pets/5")
    assert await logged(gateway) == {}
    sink = Sink()
    gateway.app.stream_logs._sink = sink
    await gateway.app.stream_logs.flush()
    assert sink.lines == {destination: ["200"] for destination in destinations}


async def test_figures(gateway):
    await gateway.request("/pets/5")
    await gateway.request("/cats")
    figures = gateway.app.traffic.take()
    method, stage = figures[MethodPlace(API, "v1", "/pets/{id}", "GET")], figures[MethodPlace(API, "v1")]
    assert (method.count, method.errors_4xx, method.integration_latency.count, method.api_name) == (1, 0, 1, "test")
    assert (stage.count, stage.errors_4xx) == (1, 1)
    assert gateway.app.traffic.take() == {}


def test_times_are_few_and_within_four_thousandths():
    times = Times()
    for time_ms in (0, 7, 511, 513, 29_999):
        times.add(time_ms)
    assert (times.count, times.total_ms, times.least_ms, times.most_ms) == (5, 31_030, 0, 29_999)
    assert times.counted == {0: 1, 7: 1, 511: 1, 512: 1, 29_952: 1}


async def test_figures_are_bounded(gateway):
    gateway.app.traffic._max_series = 1
    await gateway.request("/pets/5")
    await gateway.request("/cats")
    assert (len(gateway.app.traffic.take()), gateway.app.traffic.lost) == (1, 1)


async def test_lines_are_no_longer_than_log_services_take(gateway):
    access_log(gateway, "$context.requestId " + "$context.path " * 200)
    gateway.catalog.set_stage(
        method_settings={"*/*": MethodSetting(logging_level="INFO", data_trace_enabled=True)},
    )
    assert (await gateway.request("/pets/" + "x" * 9000, body=b"y" * 1_000_000)).status == 200
    lines = await logged(gateway)
    assert [len(line) for line in lines[LogGroup(ACCOUNT, REGION, GROUP)]] == [MAX_LINE_CHARACTERS]
    assert all(len(line) <= MAX_EVENT_BYTES for line in lines[EXECUTION])
    assert any(line.endswith("[TRUNCATED]") for line in lines[EXECUTION])


async def test_a_request_keeps_no_more_of_a_line_than_is_written():
    log = StageLog()
    log.begin("INFO", data_trace=True)
    log.line("Method request body before transformations: " + "x" * 1_000_000)
    assert [len(line) for line in log.lines] == [KEPT_CHARACTERS]
