"""Where services are called, by what the operator chose."""

import pytest

from groundwatch.gateway.upstream.calls import endpoint_path
from groundwatch.gateway.upstream.endpoints import Endpoint, Endpoints, UpstreamRoute

LOCAL = "http://127.0.0.1:4566/"
PLACES = [
    pytest.param([], "logs", "us-east-1", None, id="nothing chosen: here"),
    pytest.param([(None, None, "aws")], "logs", "eu-west-1", "https://logs.eu-west-1.amazonaws.com", id="all at AWS"),
    pytest.param([(None, None, "aws")], "iam", "eu-west-1", "https://iam.amazonaws.com", id="a global service"),
    pytest.param(
        [(None, None, "aws")], "logs", "cn-north-1", "https://logs.cn-north-1.amazonaws.com.cn", id="another partition"
    ),
    pytest.param([("logs", None, LOCAL)], "logs", "us-east-1", "http://127.0.0.1:4566", id="one service at a URL"),
    pytest.param([("logs", None, LOCAL)], "dynamodb", "us-east-1", None, id="the others are here"),
    pytest.param(
        [(None, None, "aws"), ("logs", None, "off")], "logs", "us-east-1", None, id="all but one service at AWS"
    ),
    pytest.param(
        [("logs", "eu-west-1", "off"), ("logs", None, "aws")], "logs", "eu-west-1", None, id="the region counts most"
    ),
    pytest.param(
        [("logs", "eu-west-1", "off"), ("logs", None, "aws")],
        "logs",
        "us-east-1",
        "https://logs.us-east-1.amazonaws.com",
        id="and in the other regions the service",
    ),
]


@pytest.mark.parametrize(("routes", "service", "region", "url"), PLACES)
def test_place(routes, service, region, url):
    endpoints = Endpoints([UpstreamRoute(*route) for route in routes])
    found = endpoints.find(service, region)
    assert (found and found.url) == url


SCOPES = [
    pytest.param("logs", "eu-west-1", ("logs", "eu-west-1"), id="a regional service"),
    pytest.param("iam", "eu-west-1", ("iam", "us-east-1"), id="a global one is signed for its home"),
    pytest.param("unheard-of", "eu-west-1", ("unheard-of", "eu-west-1"), id="a service that the SDK does not know"),
]


@pytest.mark.parametrize(("service", "region", "scope"), SCOPES)
def test_scope_of_signatures(service, region, scope):
    found = Endpoints([UpstreamRoute(None, None, "aws")]).find(service, region)
    assert (found.signing_name, found.signing_region) == scope


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://s3.eu-west-1.amazonaws.com", ("https://bucket.s3.eu-west-1.amazonaws.com", "/key")),
        ("http://127.0.0.1:4566", ("http://127.0.0.1:4566", "/bucket/key")),
    ],
)
def test_a_bucket_is_a_host_at_aws_and_a_path_elsewhere(url, expected):
    place, path = endpoint_path(Endpoint(url, "s3", "eu-west-1"), "/key", "bucket")
    assert (place.url, path) == expected
