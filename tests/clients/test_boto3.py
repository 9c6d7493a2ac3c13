"""CloudWatch Logs through boto3: each operation that the server answers, paginators, retries, compressed requests."""

import gzip
import json
import threading
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.clients.place import Place, now_ms

from groundwatch.aws.models import load_service
from groundwatch.logs.operations import LogsOperations

PAGE = 3
MANY = 7
END_TO_END = Path(__file__).parents[1] / "end_to_end"
DESTINATION_POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "logs:PutSubscriptionFilter", "Resource": "*"},
        ],
    }
)


def arn(place: Place) -> str:
    (group,) = place.client.describe_log_groups(logGroupNamePrefix=place.group)["logGroups"]
    return group["logGroupArn"]


def create_log_group(place: Place) -> None:
    place.client.create_log_group(logGroupName=f"{place.group}/b", tags={"team": "shop"}, logGroupClass="STANDARD")
    assert place.client.list_tags_log_group(logGroupName=f"{place.group}/b")["tags"] == {"team": "shop"}


def create_log_stream(place: Place) -> None:
    with pytest.raises(place.client.exceptions.ResourceAlreadyExistsException):
        place.client.create_log_stream(**place.names)


def delete_log_group(place: Place) -> None:
    place.client.delete_log_group(logGroupName=place.group)
    with pytest.raises(place.client.exceptions.ResourceNotFoundException):
        place.messages()


def delete_log_stream(place: Place) -> None:
    place.client.delete_log_stream(**place.names)
    assert place.client.describe_log_streams(logGroupName=place.group)["logStreams"] == []


def retention(place: Place) -> None:
    place.client.put_retention_policy(logGroupName=place.group, retentionInDays=14)
    assert place.client.describe_log_groups(logGroupNamePrefix=place.group)["logGroups"][0]["retentionInDays"] == 14
    place.client.delete_retention_policy(logGroupName=place.group)
    assert "retentionInDays" not in place.client.describe_log_groups(logGroupNamePrefix=place.group)["logGroups"][0]


def describe_log_groups(place: Place) -> None:
    (group,) = place.client.describe_log_groups(logGroupIdentifiers=[place.group])["logGroups"]
    assert group["arn"] == f"{group['logGroupArn']}:*"


def describe_log_streams(place: Place) -> None:
    place.put("a")
    (stream,) = place.client.describe_log_streams(logGroupName=place.group, orderBy="LastEventTime")["logStreams"]
    assert stream["logStreamName"] == place.stream
    assert stream["lastEventTimestamp"] <= stream["lastIngestionTime"]


def events(place: Place) -> None:
    answer = place.put("grün", "rot")
    assert answer["nextSequenceToken"]
    assert "rejectedLogEventsInfo" not in answer
    page = place.client.get_log_events(logGroupIdentifier=arn(place), logStreamName=place.stream, limit=1)
    assert [event["message"] for event in page["events"]] == ["rot"]
    before = place.client.get_log_events(**place.names, nextToken=page["nextBackwardToken"])
    assert [event["message"] for event in before["events"]] == ["grün"]


def filter_log_events(place: Place) -> None:
    place.put("one ERROR", "two")
    found = place.client.filter_log_events(logGroupName=place.group, filterPattern="ERROR", startTime=now_ms() - 60_000)
    assert [event["message"] for event in found["events"]] == ["one ERROR"]


def list_log_groups(place: Place) -> None:
    names = [f"/listed/{n}" for n in range(MANY)]
    for name in names:
        place.client.create_log_group(logGroupName=name)
    found, more = [], {}
    while not found or more:  # boto3 has no paginator for this operation
        page = place.client.list_log_groups(logGroupNamePattern="^/listed/", limit=PAGE, **more)
        found += [group["logGroupName"] for group in page["logGroups"]]
        more = {"nextToken": page["nextToken"]} if "nextToken" in page else {}
    assert found == names


def deletion_protection(place: Place) -> None:
    protect = place.client.put_log_group_deletion_protection
    protect(logGroupIdentifier=place.group, deletionProtectionEnabled=True)
    with pytest.raises(place.client.exceptions.ValidationException):
        place.client.delete_log_group(logGroupName=place.group)
    protect(logGroupIdentifier=place.group, deletionProtectionEnabled=False)
    place.client.delete_log_group(logGroupName=place.group)


def tags_by_name(place: Place) -> None:
    place.client.tag_log_group(logGroupName=place.group, tags={"a": "1", "b": "2"})
    place.client.untag_log_group(logGroupName=place.group, tags=["a"])
    assert place.client.list_tags_log_group(logGroupName=place.group)["tags"] == {"b": "2"}


def tags_by_arn(place: Place) -> None:
    group = arn(place)
    place.client.tag_resource(resourceArn=group, tags={"a": "1", "b": "2"})
    place.client.untag_resource(resourceArn=group, tagKeys=["a"])
    assert place.client.list_tags_for_resource(resourceArn=group)["tags"] == {"b": "2"}


def start_live_tail(place: Place) -> None:
    stream = place.client.start_live_tail(logGroupIdentifiers=[arn(place)])["responseStream"]
    arriving = iter(stream)
    assert next(arriving)["sessionStart"]["logGroupIdentifiers"] == [arn(place)]
    place.put("now")
    updates = (update["sessionUpdate"]["sessionResults"] for update in arriving)
    seen = next(results for results in updates if results)
    assert [event["message"] for event in seen] == ["now"]
    stream.close()


def query_definitions(place: Place) -> None:
    made = place.client.put_query_definition(
        name=place.group, queryString="fields @message", logGroupNames=[place.group]
    )["queryDefinitionId"]
    (found,) = place.client.describe_query_definitions(queryDefinitionNamePrefix=place.group)["queryDefinitions"]
    assert found["queryDefinitionId"] == made
    assert found["logGroupNames"] == [place.group]
    assert place.client.delete_query_definition(queryDefinitionId=made)["success"] is True


def resource_policies(place: Place) -> None:
    document = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "route53.amazonaws.com"},
                    "Action": "logs:PutLogEvents",
                    "Resource": "*",
                }
            ],
        }
    )
    place.client.put_resource_policy(policyName="route53", policyDocument=document)
    pages = place.client.get_paginator("describe_resource_policies").paginate()
    assert [policy["policyName"] for page in pages for policy in page["resourcePolicies"]] == ["route53"]
    place.client.delete_resource_policy(policyName="route53")
    with pytest.raises(place.client.exceptions.ResourceNotFoundException):
        place.client.delete_resource_policy(policyName="route53")


def nothing_subscribes(place: Place) -> None:
    assert place.client.describe_subscription_filters(logGroupName=place.group)["subscriptionFilters"] == []
    assert place.client.describe_account_policies(policyType="SUBSCRIPTION_FILTER_POLICY")["accountPolicies"] == []
    assert place.client.describe_destinations()["destinations"] == []
    for missing in (
        lambda: place.client.delete_subscription_filter(logGroupName=place.group, filterName="no"),
        lambda: place.client.delete_account_policy(policyName="no", policyType="SUBSCRIPTION_FILTER_POLICY"),
        lambda: place.client.delete_destination(destinationName="no"),
        lambda: place.client.put_destination_policy(destinationName="no", accessPolicy=DESTINATION_POLICY),
    ):
        with pytest.raises(place.client.exceptions.ResourceNotFoundException):
            missing()


def metric_filters(place: Place) -> None:
    transformation = {"metricName": "Errors", "metricNamespace": "App", "metricValue": "1", "unit": "Count"}
    place.client.put_metric_filter(
        logGroupName=place.group, filterName="errors", filterPattern="ERROR", metricTransformations=[transformation]
    )
    (found,) = place.client.describe_metric_filters(logGroupName=place.group)["metricFilters"]
    assert (found["filterName"], found["metricTransformations"]) == ("errors", [transformation])
    place.client.delete_metric_filter(logGroupName=place.group, filterName="errors")
    assert place.client.describe_metric_filters(logGroupName=place.group)["metricFilters"] == []


def tried_metric_filter(place: Place) -> None:
    answer = place.client.test_metric_filter(filterPattern="ERROR", logEventMessages=["ok", "ERROR"])
    assert answer["matches"] == [{"eventNumber": 2, "eventMessage": "ERROR", "extractedValues": {}}]


def get_log_group_fields(place: Place) -> None:
    place.put('{"level": "error"}')
    fields = place.client.get_log_group_fields(logGroupName=place.group)["logGroupFields"]
    assert {"name": "level", "percent": 100} in fields


def nothing_is_exported(place: Place) -> None:
    assert place.client.describe_export_tasks()["exportTasks"] == []
    with pytest.raises(place.client.exceptions.ResourceNotFoundException):
        place.client.cancel_export_task(taskId="00000000-0000-0000-0000-000000000000")


def get_log_record(place: Place) -> None:
    with pytest.raises(place.client.exceptions.InvalidParameterException):
        place.client.get_log_record(logRecordPointer="not a pointer")


SCENARIOS: dict[str, Callable[[Place], None]] = {
    "CancelExportTask": nothing_is_exported,
    "CreateLogGroup": create_log_group,
    "CreateLogStream": create_log_stream,
    "DeleteAccountPolicy": nothing_subscribes,
    "DeleteDestination": nothing_subscribes,
    "DeleteLogGroup": delete_log_group,
    "DeleteLogStream": delete_log_stream,
    "DeleteMetricFilter": metric_filters,
    "DeleteQueryDefinition": query_definitions,
    "DeleteResourcePolicy": resource_policies,
    "DeleteRetentionPolicy": retention,
    "DeleteSubscriptionFilter": nothing_subscribes,
    "DescribeAccountPolicies": nothing_subscribes,
    "DescribeDestinations": nothing_subscribes,
    "DescribeExportTasks": nothing_is_exported,
    "DescribeLogGroups": describe_log_groups,
    "DescribeLogStreams": describe_log_streams,
    "DescribeMetricFilters": metric_filters,
    "DescribeQueryDefinitions": query_definitions,
    "DescribeResourcePolicies": resource_policies,
    "DescribeSubscriptionFilters": nothing_subscribes,
    "FilterLogEvents": filter_log_events,
    "GetLogEvents": events,
    "GetLogGroupFields": get_log_group_fields,
    "GetLogRecord": get_log_record,
    "ListLogGroups": list_log_groups,
    "ListTagsForResource": tags_by_arn,
    "ListTagsLogGroup": tags_by_name,
    "PutDestinationPolicy": nothing_subscribes,
    "PutLogEvents": events,
    "PutLogGroupDeletionProtection": deletion_protection,
    "PutMetricFilter": metric_filters,
    "PutQueryDefinition": query_definitions,
    "PutResourcePolicy": resource_policies,
    "PutRetentionPolicy": retention,
    "StartLiveTail": start_live_tail,
    "TagLogGroup": tags_by_name,
    "TagResource": tags_by_arn,
    "TestMetricFilter": tried_metric_filter,
    "UntagLogGroup": tags_by_name,
    "UntagResource": tags_by_arn,
}
"""How each operation is driven; several share one scenario."""


@pytest.mark.parametrize("scenario", dict.fromkeys(SCENARIOS.values()), ids=lambda scenario: scenario.__name__)
def test_operation(place, scenario):
    scenario(place.make())


@pytest.mark.parametrize(
    ("operation", "arguments", "result"),
    [
        ("describe_log_groups", lambda place: {"logGroupNamePrefix": place.group}, "logGroups"),
        ("describe_log_streams", lambda place: {"logGroupName": place.group}, "logStreams"),
        (
            "describe_log_streams",
            lambda place: {"logGroupName": place.group, "orderBy": "LastEventTime", "descending": True},
            "logStreams",
        ),
        ("filter_log_events", lambda place: {"logGroupName": place.group}, "events"),
    ],
    ids=["groups", "streams", "streams by last event", "events"],
)
def test_a_paginator_gives_everything_once(place, operation, arguments, result):
    place.make()
    place.put(*(f"message {n}" for n in range(MANY)))
    for n in range(MANY - 1):
        place.client.create_log_group(logGroupName=f"{place.group}/{n}")
        place.client.create_log_stream(logGroupName=place.group, logStreamName=f"stream-{n}")
    pages = list(
        place.client.get_paginator(operation).paginate(**arguments(place), PaginationConfig={"PageSize": PAGE})
    )
    assert [len(page[result]) for page in pages] == [3, 3, 1]
    names = [str(item) for page in pages for item in page[result]]
    assert len(set(names)) == MANY


def test_retries_outlast_a_restart(make_server):
    server = make_server().start()
    credentials = server.credentials
    client = boto3.client(
        "logs",
        endpoint_url=server.service_url,
        region_name=credentials.region,
        aws_access_key_id=credentials.access_key_id,
        aws_secret_access_key=credentials.secret_access_key,
        config=Config(retries={"mode": "standard", "max_attempts": 12}),
    )
    place = Place(server, "/clients/restart", client=client).make()
    place.put("before")
    assert server.stop() == 0
    starting = threading.Thread(target=server.start)
    starting.start()
    place.put("after")
    starting.join()
    assert place.messages() == ["before", "after"]


def test_the_setting_that_compresses_requests_does_no_harm(server, place):
    """The service model has no operation that SDKs compress by themselves, so the body goes as it is."""
    place.make()
    credentials = server.credentials
    place.client = boto3.client(
        "logs",
        endpoint_url=server.service_url,
        region_name=credentials.region,
        aws_access_key_id=credentials.access_key_id,
        aws_secret_access_key=credentials.secret_access_key,
        config=Config(request_min_compression_size_bytes=1, disable_request_compression=False),
    )
    place.put("x" * 20_000)
    assert place.messages() == ["x" * 20_000]


def test_a_body_that_a_handler_compresses_is_verified_as_sent(place):
    def compress(params, **_):
        params["body"] = gzip.compress(params["body"])
        params["headers"]["Content-Encoding"] = "gzip"

    place.make()
    place.client.meta.events.register("before-call.logs.PutLogEvents", compress)
    place.put("y" * 20_000)
    assert place.messages() == ["y" * 20_000]


def test_an_operation_that_lacks_says_so(place):
    with pytest.raises(ClientError) as refused:
        place.client.create_log_anomaly_detector(logGroupArnList=["arn:aws:logs:us-east-1:123456789012:log-group:a"])
    assert refused.value.response["Error"]["Code"] == "NotImplementedException"


def test_every_implemented_operation_is_driven():
    """Here, or end to end where the operation needs a peer: a stream, a function, a bucket."""
    elsewhere = "".join(file.read_text() for file in END_TO_END.glob("test_*.py"))
    names = load_service("logs").operation_names
    implemented = {name for name in names if hasattr(LogsOperations, xform_name(name))}
    here = implemented - set(SCENARIOS)
    assert {name for name in here if xform_name(name) not in elsewhere} == set()
