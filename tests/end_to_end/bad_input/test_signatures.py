"""Who is it? Signatures that are missing, changed, of another time or of another key."""

from __future__ import annotations

import datetime as dt
import json
import re

import pytest
from tests.end_to_end.bad_input.hostile import JSON, exchange, http, key_of

from groundwatch.aws.sigv4 import SigningCredential

WRONG_SIGNATURE = "The request signature we calculated does not match the signature you provided."


def unsigned(**headers: str) -> dict[str, str]:
    return {"host": "x", "content-type": JSON, "x-amz-target": "Logs_20140328.DescribeLogGroups"} | headers


@pytest.mark.parametrize(
    ("headers", "code", "message"),
    [
        pytest.param({}, "MissingAuthenticationTokenException", "Request is missing Authentication Token", id="none"),
        pytest.param(
            {"authorization": "Bearer x"},
            "IncompleteSignatureException",
            "Unsupported AWS 'algorithm': 'Bearer'.",
            id="another scheme",
        ),
        pytest.param(
            {"authorization": "AWS4-HMAC-SHA256 x"},
            "IncompleteSignatureException",
            "'x' not a valid key=value pair (missing equal-sign) in Authorization header: 'x'.",
            id="no parts",
        ),
        pytest.param(
            {
                "authorization": "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature=0",
                "date": "Sun, 22 Nov 99999999999 14:00:00 GMT",
            },
            "IncompleteSignatureException",
            "Date must be in ISO-8601 'basic format'. Got 'Sun, 22 Nov 99999999999 14:00:00 GMT'.",
            id="a date beyond the calendar",
        ),
    ],
)
def test_requests_without_a_usable_signature(caller, headers, code, message):
    answer = exchange(caller.server.service_port, http("POST", "/", unsigned(**headers), b"{}"))
    assert (answer.status, answer.error[0]) == (400, code)
    assert answer.error[1].startswith(message)


LIST = {"content-type": JSON, "x-amz-target": "Logs_20140328.DescribeLogGroups"}
MINUTES = dt.timedelta(minutes=1)


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        pytest.param(lambda h: {"x-amz-extra": "1"}, "InvalidSignatureException", WRONG_SIGNATURE, id="unsigned x-amz"),
        pytest.param(
            lambda h: {"x-amz-target": "Logs_20140328.DeleteLogGroup"},
            "InvalidSignatureException",
            WRONG_SIGNATURE,
            id="another operation",
        ),
        pytest.param(
            lambda h: {"authorization": h["authorization"].replace("Signature=", "Signature=\xe9")},
            "InvalidSignatureException",
            WRONG_SIGNATURE,
            id="a signature that is not ASCII",
        ),
        pytest.param(
            lambda h: {"authorization": h["authorization"].replace("/us-east-1/", "/US EAST/")},
            "InvalidSignatureException",
            "Credential should be scoped to a valid region, not 'US EAST'.",
            id="region",
        ),
        pytest.param(
            lambda h: {"authorization": h["authorization"].replace("/logs/", "/s3/")},
            "InvalidSignatureException",
            "Credential should be scoped to correct service",
            id="service",
        ),
        pytest.param(
            lambda h: {"authorization": re.sub(r"/\d{8}/", "/20200101/", h["authorization"])},
            "InvalidSignatureException",
            "Date in Credential scope does not match YYYYMMDD",
            id="date of the scope",
        ),
        pytest.param(
            lambda h: {"x-amz-security-token": "x"},
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
            id="a token for a key that has none",
        ),
        pytest.param(
            lambda h: {"Authorization ": "x"}, None, None, id="a second header with a blank in its name is no HTTP"
        ),
        pytest.param(
            lambda h: {"Authorization": "AWS4-HMAC-SHA256 a=b"},
            "IncompleteSignatureException",
            "Authorization header requires 'Credential' parameter.",
            id="authorization twice",
        ),
    ],
)
def test_requests_changed_after_signing(caller, change, code, message):
    signed = caller.signed(b"{}", LIST)
    answer = exchange(caller.server.service_port, http("POST", "/", {**signed, **change(signed)}, b"{}"))
    assert answer.status == 400
    if code is not None:
        assert answer.error[0] == code
        assert answer.error[1].startswith(message)


@pytest.mark.parametrize(
    ("shift", "message"), [(-16 * MINUTES, "Signature expired: "), (16 * MINUTES, "Signature not yet current: ")]
)
def test_requests_of_another_time(caller, shift, message):
    answer = caller.send(b"{}", LIST, moment=dt.datetime.now(dt.UTC) + shift)
    assert answer.error[0] == "InvalidSignatureException"
    assert answer.error[1].startswith(message)


def test_keys_and_tokens_that_do_not_belong_together(caller, server, eve):
    iam, sts = server.client("iam"), server.client("sts")
    arn = sts.get_caller_identity()["Arn"]
    trust = {"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "sts:AssumeRole"}
    iam.create_role(RoleName="trusting", AssumeRolePolicyDocument=json.dumps({"Statement": trust}))
    role = arn.rpartition(":")[0] + ":role/trusting"
    first, second = (sts.assume_role(RoleArn=role, RoleSessionName=name)["Credentials"] for name in ("one", "two"))
    inactive = iam.create_access_key(UserName="eve")["AccessKey"]
    iam.update_access_key(UserName="eve", AccessKeyId=inactive["AccessKeyId"], Status="Inactive")

    refused = [
        key_of(first, second["SessionToken"]),
        key_of(first),
        key_of(first, "x" * 100),
        key_of(eve, first["SessionToken"]),
        key_of(inactive),
        SigningCredential("AKIA' OR 1=1", "x", None),
    ]
    for key in refused:
        answer = caller.send(b"{}", LIST, key=key)
        expected = ("UnrecognizedClientException", "The security token included in the request is invalid.")
        assert answer.error == expected, key
