"""Metric data through real clients and back, in all three protocols."""

from __future__ import annotations

import datetime as dt
import re
import urllib.error
import urllib.request
from urllib.parse import urlencode

import botocore.session
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

MINUTE = dt.timedelta(minutes=1)
DIMENSIONS = [{"Name": "b", "Value": "2"}, {"Name": "a", "Value": "1"}]


def minutes_ago(minutes: int) -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(second=0, microsecond=0) - minutes * MINUTE


def put(api, namespace: str, name: str, at: dt.datetime, *values: float, **members) -> None:
    datum = {"MetricName": name, "Timestamp": at, "Values": list(values), **members}
    api.put_metric_data(Namespace=namespace, MetricData=[datum])


def metric(namespace: str, name: str, stat: str = "Sum", period: int = 60, **members) -> dict:
    named = {"Namespace": namespace, "MetricName": name}
    return {"Metric": named | members.pop("metric", {}), "Stat": stat, "Period": period, **members}


def read(api, queries: list[dict], start: dt.datetime, end: dt.datetime, **members) -> list[dict]:
    members = {"ScanBy": "TimestampAscending"} | members
    return api.get_metric_data(MetricDataQueries=queries, StartTime=start, EndTime=end, **members)["MetricDataResults"]


def signed_post(server, body: str, headers: dict[str, str], path: str = "/") -> tuple[int, dict[str, str], str]:
    """Send a hand-made request, signed as the administrator."""
    credentials = server.credentials
    request = AWSRequest("POST", server.service_url + path, data=body, headers=headers)
    keys = Credentials(credentials.access_key_id, credentials.secret_access_key)
    SigV4Auth(keys, "monitoring", credentials.region).add_auth(request)
    sent = urllib.request.Request(request.url, body.encode(), dict(request.headers), method="POST")
    try:
        with urllib.request.urlopen(sent, timeout=30) as answer:
            return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read().decode()


PROTOCOLS = {
    "smithy-rpc-v2-cbor": "application/cbor",
    "json": "application/x-amz-json-1.0",
    "query": "application/x-www-form-urlencoded; charset=utf-8",
}


@pytest.fixture(scope="module", params=PROTOCOLS)
def api(server, request):
    """A client that knows one of the three protocols only; left to itself, botocore takes JSON and others CBOR."""
    session = botocore.session.Session()
    loader = session.get_component("data_loader")
    load = loader.load_service_model

    def load_with_one_protocol(service_name, type_name, api_version=None):
        model = load(service_name, type_name, api_version)
        if "protocols" not in model.get("metadata", {}):
            return model
        return {**model, "metadata": {**model["metadata"], "protocols": [request.param], "protocol": request.param}}

    loader.load_service_model = load_with_one_protocol
    credentials = server.credentials
    client = session.create_client(
        "cloudwatch",
        region_name=credentials.region,
        endpoint_url=server.service_url,
        aws_access_key_id=credentials.access_key_id,
        aws_secret_access_key=credentials.secret_access_key,
        config=Config(retries={"total_max_attempts": 1}),
    )
    sent = []
    client.meta.events.register("before-send.*", lambda request, **_: sent.append(request.headers["Content-Type"]))
    client.list_metrics(Namespace="nothing")
    assert sent == [PROTOCOLS[request.param].encode()]
    return client


@pytest.fixture
def space(request) -> str:
    """A namespace of the test's own."""
    return re.sub(r"\W+", "-", request.node.name)


def test_what_was_put_is_listed_and_read(api, space):
    at = minutes_ago(5)
    put(api, space, "latency", at, 2.0, 10.0, Counts=[2.0, 3.0], Unit="Milliseconds", Dimensions=DIMENSIONS)
    listed = api.list_metrics(Namespace=space)["Metrics"]
    assert listed == [{"Namespace": space, "MetricName": "latency", "Dimensions": DIMENSIONS[::-1]}]
    named = {"Namespace": space, "MetricName": "latency", "Dimensions": DIMENSIONS, "Period": 60}
    when = {"StartTime": at, "EndTime": at + MINUTE}
    simple = api.get_metric_statistics(
        **named, **when, Statistics=["Sum", "Average", "SampleCount", "Minimum", "Maximum"]
    )
    assert simple["Datapoints"] == [
        {
            "Timestamp": at,
            "Sum": 34.0,
            "Average": 6.8,
            "SampleCount": 5.0,
            "Minimum": 2.0,
            "Maximum": 10.0,
            "Unit": "Milliseconds",
        }
    ]
    extended = api.get_metric_statistics(**named, **when, ExtendedStatistics=["p90", "tc50"])
    assert extended["Datapoints"][0]["ExtendedStatistics"] == {"p90": 10.0, "tc50": 5.0}


def test_the_aws_cli(server):
    at = minutes_ago(5)
    done = server.aws(
        *("cloudwatch", "put-metric-data", "--namespace", "cli", "--metric-name", "m", "--value", "7"),
        *("--unit", "Count", "--timestamp", at.isoformat()),
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    listed = server.aws_json("cloudwatch", "list-metrics", "--namespace", "cli")
    assert listed["Metrics"] == [{"Namespace": "cli", "MetricName": "m", "Dimensions": []}]
    read_back = server.aws_json(
        *("cloudwatch", "get-metric-statistics", "--namespace", "cli", "--metric-name", "m", "--period", "60"),
        *("--start-time", at.isoformat(), "--end-time", (at + MINUTE).isoformat(), "--statistics", "Sum"),
    )
    assert [point["Sum"] for point in read_back["Datapoints"]] == [7.0]


def test_the_query_protocol_by_hand(server, api):
    fields = {
        "Action": "PutMetricData",
        "Version": "2010-08-01",
        "Namespace": "hand",
        "MetricData.member.1.MetricName": "m",
        "MetricData.member.1.Values.member.1": "3",
        "MetricData.member.1.Values.member.2": "4.5",
        "MetricData.member.1.Dimensions.member.1.Name": "d",
        "MetricData.member.1.Dimensions.member.1.Value": "v",
    }
    form = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    status, headers, body = signed_post(server, urlencode(fields), form)
    assert (status, headers["content-type"]) == (200, "text/xml")
    assert body.startswith('<PutMetricDataResponse xmlns="http://monitoring.amazonaws.com/doc/2010-08-01/">')
    status, _, body = signed_post(server, "Action=ListMetrics&Version=2010-08-01&Namespace=hand", form)
    assert "<Metrics><member><Namespace>hand</Namespace><MetricName>m</MetricName><Dimensions><member>" in body
    status, _, body = signed_post(server, "Action=ListMetrics&Version=2010-08-01&RecentlyActive=P1D", form)
    assert status == 400
    assert "<Type>Sender</Type><Code>ValidationError</Code><Message>1 validation error detected: Value 'P1D'" in body


def test_the_json_protocol_by_hand(server):
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "GraniteServiceVersion20100801.PutMetricData",
        "x-amzn-query-mode": "true",
    }
    status, answered, body = signed_post(
        server, '{"Namespace":"json","MetricData":[{"MetricName":"m","Value":1}]}', headers
    )
    assert (status, body, answered["content-type"]) == (200, "", "application/x-amz-json-1.0")
    status, answered, body = signed_post(server, '{"Namespace":"json","MetricData":[{"MetricName":"m"}]}', headers)
    assert status == 400
    assert answered["x-amzn-query-error"] == "InvalidParameterCombination;Sender"
    assert body == (
        '{"__type":"InvalidParameterCombinationException",'
        '"message":"At least one of the parameters must be specified."}'
    )


def test_large_bodies_come_compressed(api, space):
    at = minutes_ago(5)
    data = [
        {"MetricName": "m", "Timestamp": at, "Value": float(n), "Dimensions": [{"Name": "n", "Value": str(n)}]}
        for n in range(600)
    ]
    api.put_metric_data(Namespace=space, MetricData=data)
    pages = list(api.get_paginator("list_metrics").paginate(Namespace=space))
    assert [len(page["Metrics"]) for page in pages] == [500, 100]
    assert len({page["Dimensions"][0]["Value"] for found in pages for page in found["Metrics"]}) == 600


def test_data_of_different_units_are_kept_apart(api, space):
    at = minutes_ago(5)
    put(api, space, "m", at, 5.0, Unit="Seconds")
    put(api, space, "m", at, 700.0, Unit="Milliseconds")
    when = {"StartTime": at, "EndTime": at + MINUTE}
    points = api.get_metric_statistics(Namespace=space, MetricName="m", Period=60, Statistics=["Sum"], **when)
    assert {(point["Unit"], point["Sum"]) for point in points["Datapoints"]} == {
        ("Seconds", 5.0),
        ("Milliseconds", 700.0),
    }
    queries = [
        {"Id": "any", "MetricStat": metric(space, "m")},
        {"Id": "s", "MetricStat": metric(space, "m", Unit="Seconds")},
        {"Id": "b", "MetricStat": metric(space, "m", Unit="Bytes")},
    ]
    found = {one["Id"]: one for one in read(api, queries, at, at + MINUTE)}
    assert found["any"]["Values"] == [700.0]
    assert found["any"]["Messages"] == [
        {"Code": "MultipleUnits", "Value": "Multiple units returned: '[Milliseconds, Seconds]'"}
    ]
    assert (found["s"]["Values"], found["b"]["Values"], found["b"]["StatusCode"]) == ([5.0], [], "Complete")


def test_metrics_and_expressions_are_read_together(api, space):
    at = minutes_ago(10)
    for minute, (errors, requests) in enumerate([(1, 10), (0, 20), (3, 30)]):
        put(api, space, "errors", at + minute * MINUTE, errors)
        put(api, space, "requests", at + minute * MINUTE, requests)
    queries = [
        {"Id": "errors", "MetricStat": metric(space, "errors"), "ReturnData": False},
        {"Id": "requests", "MetricStat": metric(space, "requests"), "Label": "${LABEL}: ${MAX} at most"},
        {"Id": "rate", "Expression": "100 * errors / requests", "Label": "errors %"},
        {"Id": "total", "Expression": "RUNNING_SUM(requests)"},
    ]
    found = read(api, queries, at, at + 3 * MINUTE)
    assert [(one["Id"], one["Label"], one["Values"]) for one in found] == [
        ("requests", "requests: 30 at most", [10.0, 20.0, 30.0]),
        ("rate", "errors %", [10.0, 0.0, 10.0]),
        ("total", "total", [10.0, 30.0, 60.0]),
    ]
    assert found[0]["Timestamps"] == [at, at + MINUTE, at + 2 * MINUTE]
    newest_first = read(api, queries[1:2], at, at + 3 * MINUTE, ScanBy="TimestampDescending")
    assert newest_first[0]["Values"] == [30.0, 20.0, 10.0]


def test_pages_of_data(api, space):
    at = minutes_ago(10)
    for minute in range(5):
        put(api, space, "a", at + minute * MINUTE, minute)
        put(api, space, "b", at + minute * MINUTE, minute)
    queries = [{"Id": name, "MetricStat": metric(space, name)} for name in ("a", "b")]
    pages = api.get_paginator("get_metric_data").paginate(
        MetricDataQueries=queries, StartTime=at, EndTime=at + 5 * MINUTE, ScanBy="TimestampAscending", MaxDatapoints=4
    )
    shown = [[(one["Id"], one["Values"], one["StatusCode"]) for one in page["MetricDataResults"]] for page in pages]
    assert shown == [
        [("a", [0.0, 1.0, 2.0, 3.0], "PartialData")],
        [("a", [4.0], "Complete"), ("b", [0.0, 1.0, 2.0], "PartialData")],
        [("b", [3.0, 4.0], "Complete")],
    ]


def test_searches(api, space):
    at = minutes_ago(5)
    for host in ("web-1", "web-2", "db-1"):
        put(api, space, "CPUUtilization", at, 1.0, Dimensions=[{"Name": "Host", "Value": host}])
    put(api, space, "Memory", at, 1.0, Dimensions=[{"Name": "Host", "Value": "web-1"}])
    put(api, space, "CPUUtilization", at, 1.0)

    def labels(text: str, schema: str = ",Host") -> list[str]:
        query = {"Id": "e", "Expression": f"SEARCH('{{{space}{schema}}} {text}', 'Sum', 60)"}
        return sorted(one["Label"] for one in read(api, [query], at, at + MINUTE))

    assert labels("cpu") == ["CPUUtilization db-1", "CPUUtilization web-1", "CPUUtilization web-2"]
    assert labels('MetricName="Memory"') == ["Memory web-1"]
    assert labels("web NOT Memory") == ["CPUUtilization web-1", "CPUUtilization web-2"]
    assert labels('(Host="db-1" OR Memory)') == ["CPUUtilization db-1", "Memory web-1"]
    assert labels("", schema="") == ["CPUUtilization"]


def test_high_resolution(api, space):
    at = minutes_ago(2)
    for second in (0, 1, 10):
        put(api, space, "m", at + dt.timedelta(seconds=second), second, StorageResolution=1)
    fine = read(api, [{"Id": "m", "MetricStat": metric(space, "m", period=10)}], at, at + MINUTE)
    assert fine[0]["Values"] == [1.0, 10.0]
    coarse = read(api, [{"Id": "m", "MetricStat": metric(space, "m")}], at, at + MINUTE)
    assert coarse[0]["Values"] == [11.0]


@pytest.mark.parametrize(
    ("datum", "code", "message"),
    [
        pytest.param(
            {"Value": 1.0, "Values": [1.0]},
            "InvalidParameterCombination",
            "The parameters MetricData.member.1.Value and MetricData.member.1.Values are mutually exclusive and you "
            "have specified both.",
            id="value and values (recorded)",
        ),
        pytest.param(
            {},
            "InvalidParameterCombination",
            "At least one of the parameters must be specified.",
            id="nothing (recorded)",
        ),
        pytest.param(
            {"Counts": [1.0]},
            "InvalidParameterCombination",
            "The parameter values must appears when the counts parameter is specified.",
            id="counts alone (recorded)",
        ),
        pytest.param(
            {"Values": [1.0, 2.0], "Counts": [1.0]},
            "InvalidParameterValue",
            "The parameters MetricData.member.1.Values and MetricData.member.1.Counts must be of the same size.",
            id="lengths differ (recorded)",
        ),
        pytest.param(
            {"Value": 1.0, "Timestamp": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)},
            "InvalidParameterValue",
            "The parameter MetricData.member.1.Timestamp must specify a time within the past two weeks.",
            id="too old (recorded)",
        ),
        pytest.param(
            {"Value": float("nan")},
            "InvalidParameterValue",
            "The value nan for parameter MetricData.member.1.Value is invalid.",
            id="not a number",
        ),
        pytest.param(
            {"Value": 2.0**361},
            "InvalidParameterValue",
            f"The value {2.0**361} for parameter MetricData.member.1.Value is invalid.",
            id="beyond 2^360",
        ),
        pytest.param(
            {"Values": [1.0] * 151},
            "InvalidParameterValue",
            "The collection MetricData.member.1.Values must not have a size greater than 150.",
            id="too many values",
        ),
        pytest.param(
            {"Value": 1.0, "Dimensions": [{"Name": "a", "Value": "1"}, {"Name": "a", "Value": "2"}]},
            "InvalidParameterValue",
            "No metric may specify the same dimension name twice.",
            id="a dimension twice",
        ),
        pytest.param(
            {"Value": 1.0, "Dimensions": [{"Name": "a", "Value": "é"}]},
            "InvalidParameterValue",
            "The value é for parameter MetricData.member.1.Dimensions.member.1.Value is invalid.",
            id="a dimension that is not ASCII",
        ),
        pytest.param(
            {"Value": 1.0, "StorageResolution": 5},
            "InvalidParameterValue",
            "The value 5 for parameter MetricData.member.1.StorageResolution is invalid.",
            id="an odd resolution",
        ),
        pytest.param(
            {"StatisticValues": {"SampleCount": 0.0, "Sum": 0.0, "Minimum": 0.0, "Maximum": 0.0}},
            "InvalidParameterValue",
            "The value 0.0 for parameter MetricData.member.1.StatisticValues.SampleCount is invalid.",
            id="a set of no samples",
        ),
    ],
)
def test_bad_data_are_refused(api, datum, code, message):
    with pytest.raises(ClientError) as caught:
        api.put_metric_data(Namespace="bad", MetricData=[{"MetricName": "m", **datum}])
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["Error"]["Message"] == message
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_entities_are_refused_by_name(api):
    with pytest.raises(ClientError, match=r"PutMetricData\.EntityMetricData is not implemented by Groundwatch"):
        api.put_metric_data(Namespace="bad", EntityMetricData=[{"MetricData": [{"MetricName": "m", "Value": 1.0}]}])


GOOD = metric("n", "m")
NOW = minutes_ago(0)


@pytest.mark.parametrize(
    ("queries", "message"),
    [
        pytest.param(
            [{"Id": "a", "MetricStat": GOOD}, {"Id": "a", "MetricStat": GOOD}],
            "The values for parameter id in MetricDataQueries are not unique.",
            id="an id twice (recorded)",
        ),
        pytest.param(
            [{"Id": "a", "MetricStat": GOOD, "Expression": "1"}],
            "The parameters MetricDataQueries.member.1.Expression and MetricDataQueries.member.1.MetricStat are "
            "mutually exclusive and you have specified both.",
            id="both forms (recorded)",
        ),
        pytest.param(
            [{"Id": "A", "MetricStat": GOOD}],
            "The value for parameter MetricDataQueries.member.1.Id is not matching the expected pattern "
            "^[a-z][a-zA-Z0-9_]*$.",
            id="a bad id (recorded)",
        ),
        pytest.param(
            [{"Id": "a", "MetricStat": GOOD | {"Stat": "p101"}}],
            "The value for parameter MetricDataQueries.member.1.MetricStat.Stat is not a valid statistic.",
            id="a bad statistic (recorded)",
        ),
        pytest.param(
            [{"Id": "bad", "Expression": "NOT_A_FUNCTION(1)"}],
            "Error in expression 'bad': Function 'NOT_A_FUNCTION' not found",
            id="an unknown function (recorded)",
        ),
        pytest.param(
            [{"Id": "a", "MetricStat": GOOD | {"Period": 7}}],
            "The parameter MetricDataQueries.member.1.MetricStat.Period must be a value in the set [1, 5, 10, 20, 30].",
            id="an odd period",
        ),
    ],
)
def test_bad_queries_are_refused(api, queries, message):
    with pytest.raises(ClientError) as caught:
        read(api, queries, minutes_ago(5), minutes_ago(0))
    assert (caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]) == (
        "ValidationError",
        message,
    )


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        pytest.param(
            {"StartTime": NOW},
            "InvalidParameterValue",
            "The parameter StartTime must be less than the parameter EndTime.",
            id="the end before the start (recorded)",
        ),
        pytest.param(
            {"Period": 7},
            "InvalidParameterValue",
            "The parameter Period must be a value in the set [1, 5, 10, 20, 30].",
            id="an odd period (recorded)",
        ),
        pytest.param(
            {"StartTime": NOW - 1446 * MINUTE},
            "InvalidParameterCombination",
            "You have requested up to 1445 datapoints, which exceeds the limit of 1440. You may reduce the datapoints "
            "requested by increasing Period, or decreasing the time range.",
            id="too many datapoints (recorded)",
        ),
    ],
)
def test_bad_requests_for_statistics_are_refused(api, change, code, message):
    given = {"StartTime": NOW - 5 * MINUTE, "EndTime": NOW - MINUTE, "Period": 60} | change
    with pytest.raises(ClientError) as caught:
        api.get_metric_statistics(Namespace="n", MetricName="m", Statistics=["Sum"], **given)
    assert (caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]) == (code, message)


def test_a_token_of_another_request_is_refused(api):
    with pytest.raises(ClientError) as caught:
        api.list_metrics(NextToken="bm90IGEgdG9rZW4")
    assert caught.value.response["Error"]["Code"] == "InvalidNextToken"
