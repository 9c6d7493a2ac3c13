"""Mixed mode: which side a request of CloudWatch Logs belongs to."""

import json

import pytest

from groundwatch.aws.http import WireRequest, WireResponse
from groundwatch.gateway.upstream.groups import BothSidesError, LogGroupSides

ARN = "arn:aws:logs:us-east-1:123456789012:log-group:"


def request(body, operation="GetLogEvents"):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return WireRequest("POST", "/", "", (("x-amz-target", f"Logs_20140328.{operation}"),), content, "127.0.0.1")


def reach(language, text):
    """Read queries of this file: names and prefixes between commas, apart by a bar."""
    if language != "CWLI":
        return None
    names, _, prefixes = text.partition("|")
    return names.split(",") if names else [], prefixes.split(",") if "|" in text else []


SIDES = [
    pytest.param({"logGroupName": "/aws/x"}, True, id="a name upstream"),
    pytest.param({"logGroupName": "/own/x"}, False, id="a name here"),
    pytest.param({"logGroupName": "x/aws/"}, False, id="only the beginning counts"),
    pytest.param({"logGroupName": "/AWS/x"}, False, id="names have their case"),
    pytest.param({"logGroupIdentifier": f"{ARN}/aws/x"}, True, id="an ARN"),
    pytest.param({"logGroupIdentifier": f"{ARN}/aws/x:*"}, True, id="an ARN with a star"),
    pytest.param({"logGroupIdentifiers": [f"{ARN}/aws/x", "/aws/y"]}, True, id="a list"),
    pytest.param({"logGroupNames": ["/own/x", "/own/y"]}, False, id="a list of names"),
    pytest.param({"resourceArn": f"{ARN}/aws/x"}, True, id="tags"),
    pytest.param({"logGroupNamePrefix": "/aws/lambda"}, True, id="a prefix within theirs"),
    pytest.param({"logGroupNamePrefix": "/own"}, False, id="a prefix without theirs"),
    pytest.param({"logGroupName": ["/aws/x"]}, False, id="a wrong type is for the service here to refuse"),
    pytest.param({"logGroupIdentifier": "arn:aws"}, False, id="no ARN"),
    pytest.param({}, False, id="no group"),
    pytest.param({"queryId": "unknown"}, False, id="an unknown query"),
    pytest.param(b"{", False, id="no JSON"),
    pytest.param(b"[" * 100_000, False, id="deep JSON"),
    pytest.param(b"\xff", False, id="no UTF-8"),
    pytest.param(b'["/aws/x"]', False, id="no object"),
]


@pytest.mark.parametrize(("body", "upstream"), SIDES)
def test_side(body, upstream):
    assert LogGroupSides(["/aws/", "/prod/"], reach).goes_upstream(request(body)) is upstream
    assert LogGroupSides([], reach).goes_upstream(request(body)) is True


BOTH = [
    pytest.param({"logGroupNames": ["/aws/x", "/own/x"]}, id="a list"),
    pytest.param({"logGroupName": "/own/x", "logGroupIdentifier": "/aws/x"}, id="two members"),
    pytest.param({"logGroupNamePrefix": "/"}, id="a prefix of groups on both sides"),
    pytest.param({"logGroupNamePrefix": ""}, id="the empty prefix"),
]


@pytest.mark.parametrize("body", BOTH)
def test_both_sides(body):
    with pytest.raises(BothSidesError):
        LogGroupSides(["/aws/"], reach).goes_upstream(request(body))


QUERIES = [
    pytest.param({"queryString": "/aws/x,/prod/y"}, True, id="groups upstream"),
    pytest.param({"queryString": "/own/x"}, False, id="a group here"),
    pytest.param({"queryString": f"{ARN}/aws/x"}, True, id="an ARN"),
    pytest.param({"queryString": "/own/x,/aws/x"}, None, id="groups of both"),
    pytest.param({"queryString": "/own/x", "logGroupName": "/aws/x"}, None, id="a subquery on the other side"),
    pytest.param({"queryString": "|/aws/lambda"}, True, id="a prefix within theirs"),
    pytest.param({"queryString": "|/own"}, False, id="a prefix without theirs"),
    pytest.param({"queryString": "|/"}, None, id="a prefix of groups on both sides"),
    pytest.param({"queryString": "|"}, None, id="all groups"),
    pytest.param({"queryString": "/aws/x", "queryLanguage": "QL"}, False, id="what cannot be read is refused here"),
    pytest.param({"queryString": "?", "queryLanguage": "QL", "logGroupName": "/aws/x"}, True, id="unless it names one"),
    pytest.param({"queryString": 7, "logGroupName": "/aws/x"}, True, id="no text"),
]


@pytest.mark.parametrize(("body", "upstream"), QUERIES)
def test_a_query_goes_where_the_groups_in_its_text_are(body, upstream):
    sides = LogGroupSides(["/aws/", "/prod/"], reach)
    if upstream is None:
        with pytest.raises(BothSidesError):
            sides.goes_upstream(request(body, "StartQuery"))
    else:
        assert sides.goes_upstream(request(body, "StartQuery")) is upstream


def test_queries_over_groups_that_only_the_upstream_knows():
    sides = LogGroupSides([], reach)
    texts = ("/aws/x", "|", "|/aws/")
    chosen = [sides.chooses_by_prefix(request({"queryString": text}, "StartQuery")) for text in texts]
    assert chosen == [False, True, True]
    assert not sides.chooses_by_prefix(request({"queryString": "|"}, "PutQueryDefinition"))


def test_results_of_a_query_are_where_it_was_started():
    sides = LogGroupSides(["/aws/"], reach)
    sides.learn(request({}, "StartQuery"), WireResponse(400, (), b'{"queryId":"refused"}'))
    sides.learn(request({}, "DescribeQueries"), WireResponse(200, (), b'{"queryId":"other"}'))
    sides.learn(request({}, "StartQuery"), WireResponse(200, (), b'{"queryId":"theirs"}'))
    found = {name: sides.goes_upstream(request({"queryId": name})) for name in ("refused", "other", "theirs")}
    assert found == {"refused": False, "other": False, "theirs": True}
