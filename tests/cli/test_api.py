"""Which server the commands speak to, with whose credentials."""

from pathlib import Path

import botocore.exceptions
import click
import pytest

from groundwatch.cli import main
from groundwatch.cli.api import Wishes, choose_target, describe_error
from groundwatch.credentials_file import AdminCredentials

FILE = AdminCredentials("AKFILE", "secret", "https://file:1", "r-file-1", "/ca.pem")
FLAG = {"endpoint_url": "http://flag"}
SPECIFIC = {"AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": "http://specific"}
GENERAL = {"AWS_ENDPOINT_URL": "http://general"}
PROFILE = {"endpoint_url": "http://profile"}


def wishes(**given):
    return Wishes(**{"endpoint_url": None, "profile": None, "region": None, "data": Path("data"), **given})


@pytest.mark.parametrize(
    ("flags", "environment", "profile", "file", "endpoint_url"),
    [
        pytest.param(FLAG, SPECIFIC | GENERAL, PROFILE, FILE, "http://flag", id="the flag is first"),
        pytest.param({}, SPECIFIC | GENERAL, PROFILE, FILE, "http://specific", id="then the service's variable"),
        pytest.param({}, GENERAL, PROFILE, FILE, "http://general", id="then the general variable"),
        pytest.param({}, {}, PROFILE, FILE, "http://profile", id="then the profile"),
        pytest.param({}, {}, {}, FILE, "https://file:1", id="then the credentials file"),
    ],
)
def test_which_server(flags, environment, profile, file, endpoint_url):
    assert choose_target(wishes(**flags), environment, profile, file).endpoint_url == endpoint_url


def test_never_aws_by_itself():
    with pytest.raises(click.UsageError, match="no server is known"):
        choose_target(wishes(profile="work"), {"AWS_ACCESS_KEY_ID": "a"}, {"region": "us-east-1"}, None)


@pytest.mark.parametrize(
    ("flags", "environment", "from_file"),
    [
        pytest.param({}, {}, True, id="the file's, when nothing else is said"),
        pytest.param({"profile": "p"}, {}, False, id="a profile by flag"),
        pytest.param({}, {"AWS_PROFILE": "p"}, False, id="a profile by variable"),
        pytest.param({}, {"AWS_ACCESS_KEY_ID": "a"}, False, id="a key by variable"),
        pytest.param({}, {"AWS_ACCESS_KEY_ID": ""}, True, id="an empty variable says nothing"),
    ],
)
def test_whose_credentials(flags, environment, from_file):
    target = choose_target(wishes(**flags), environment, {}, FILE)
    assert (target.credentials is FILE) is from_file


@pytest.mark.parametrize(
    ("flags", "environment", "profile", "file", "region"),
    [
        ({"region": "r-flag-1"}, {"AWS_REGION": "r-env-1"}, {"region": "r-profile-1"}, FILE, "r-flag-1"),
        ({}, {"AWS_DEFAULT_REGION": "r-env-1"}, {"region": "r-profile-1"}, FILE, "r-env-1"),
        ({}, {}, {"region": "r-profile-1"}, FILE, "r-profile-1"),
        ({}, {}, {}, FILE, "r-file-1"),
        (FLAG, {}, {}, None, "us-east-1"),
    ],
)
def test_which_region(flags, environment, profile, file, region):
    assert choose_target(wishes(**flags), environment, profile, file).region == region


@pytest.mark.parametrize(
    ("flags", "environment", "ca_bundle"),
    [
        pytest.param({}, {}, "/ca.pem", id="the file's authority for the file's server"),
        pytest.param(FLAG, {}, None, id="not for another server"),
        pytest.param({}, {"AWS_CA_BUNDLE": "/own.pem"}, None, id="the environment's authority is the SDK's business"),
    ],
)
def test_which_authority(flags, environment, ca_bundle):
    assert choose_target(wishes(**flags), environment, {}, FILE).ca_bundle == ca_bundle


def test_requests_are_signed_with_the_file(known_service):
    assert main(["tail", "g"]) == 0
    assert "Credential=AKIDTEST/" in known_service.authorizations[0]
    assert "/eu-test-1/logs/aws4_request" in known_service.authorizations[0]


def test_requests_are_signed_with_the_environment(known_service, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    assert main(["tail", "g"]) == 0
    assert "Credential=AKIDENV/" in known_service.authorizations[0]


def test_requests_are_signed_with_a_profile(known_service, tmp_path):
    (tmp_path / "aws-credentials").write_text("[work]\naws_access_key_id = AKIDWORK\naws_secret_access_key = x\n")
    assert main(["tail", "g", "--profile", "work"]) == 0
    assert "Credential=AKIDWORK/" in known_service.authorizations[0]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            botocore.exceptions.ClientError({"Error": {"Code": "C", "Message": "m"}}, "Op"),
            "C: m",
        ),
        (botocore.exceptions.ClientError({}, "Op"), "Unknown: no message"),
        (
            botocore.exceptions.SSLError(endpoint_url="https://h", error="self-signed"),
            (
                "https://h is not trusted: SSL validation failed for https://h self-signed; "
                "name its certificate authority with AWS_CA_BUNDLE"
            ),
        ),
        (
            botocore.exceptions.ConnectTimeoutError(endpoint_url="https://h", error="timed out"),
            (
                "cannot reach https://h: timed out; start the server with `groundwatch serve`, "
                "or name another with --endpoint-url"
            ),
        ),
        (botocore.exceptions.ParamValidationError(report="bad"), "Parameter validation failed: bad"),
    ],
)
def test_errors_are_one_line(error, line):
    assert describe_error(error, "https://h") == line
