"""Each fault of a signature: its code and its text, in the order in which AWS finds them (SigV4 reference, part 2)."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

import msgspec
import pytest

from groundwatch.aws.authentication import SigV4Authenticator, UnverifiedAuthenticator
from groundwatch.aws.authorization import read_authorization, read_scope_unverified
from groundwatch.aws.context import Credential, Principal
from groundwatch.aws.errors import ServiceError
from groundwatch.aws.http import WireRequest
from groundwatch.aws.sigv4 import (
    Scope,
    SigningCredential,
    canonical_request,
    derive_key,
    payload_hash,
    presign_query,
    sign_headers,
    signature,
    string_to_sign,
)

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
NOW_MS = int(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp() * 1000)
PRINCIPAL = Principal("123456789012", "arn:aws:iam::123456789012:user/u", "User", "AIDA")
LONG_TERM = Credential("AKIDEXAMPLE", SECRET, PRINCIPAL)
SESSION = Credential("ASIAEXAMPLE", SECRET, PRINCIPAL, session_token="TOKEN", expires_ms=NOW_MS + 1000)
CREDENTIAL = "AKIDEXAMPLE/20260102/us-east-1/logs/aws4_request"
HOST = ("host", "logs.us-east-1.amazonaws.com")
DATE = ("x-amz-date", "20260102T030405Z")
INVALID_TOKEN = "The security token included in the request is invalid."
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)
SCOPE_HELP = "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got"
DATE_HELP = "See http://en.wikipedia.org/wiki/ISO_8601"


class Keys:
    def __init__(self, *credentials: Credential) -> None:
        self.known = {credential.access_key_id: credential for credential in credentials}

    async def find_credential(self, access_key_id: str) -> Credential | None:
        return self.known.get(access_key_id)


def request(*headers: tuple[str, str], query: str = "", body: bytes = b"{}") -> WireRequest:
    return WireRequest("POST", "/", query, (HOST, *headers), body, "127.0.0.1")


def signed(
    wire: WireRequest,
    credential: Credential = LONG_TERM,
    *,
    service: str = "logs",
    timestamp: str = "20260102T030405Z",
) -> WireRequest:
    key = SigningCredential(credential.access_key_id, credential.secret_access_key, credential.session_token)
    added = sign_headers(wire, key, region="eu-west-1", service=service, timestamp=timestamp)
    return msgspec.structs.replace(wire, headers=(*wire.headers, *added))


def presigned(credential: Credential = LONG_TERM, *, timestamp: str = "20260102T030405Z", expires_s: int = 60):
    key = SigningCredential(credential.access_key_id, credential.secret_access_key, credential.session_token)
    wire = request(query="Action=X")
    scope = Scope(timestamp[:8], "eu-west-1", "logs")
    query = presign_query(wire, key, scope, timestamp=timestamp, expires_s=expires_s)
    return msgspec.structs.replace(wire, query_string=query)


def header(value: str) -> tuple[str, str]:
    return ("authorization", value)


def whole(credential: str = CREDENTIAL, signed_headers: str = "host;x-amz-date") -> tuple[str, str]:
    return header(f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={signed_headers}, Signature=00")


def authenticator(*credentials: Credential, now_ms: int = NOW_MS) -> SigV4Authenticator:
    return SigV4Authenticator(Keys(*credentials), frozenset(("logs",)), lambda: now_ms)


QUERY = f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={CREDENTIAL}&X-Amz-Date=20260102T030405Z"
ALL_MISSING = (
    "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. "
    "Authorization header requires 'SignedHeaders' parameter. Authorization header requires existence of either a "
    "'X-Amz-Date' or a 'Date' header. Authorization=AWS4-HMAC-SHA256"
)
NOT_SIGNED = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."


@pytest.mark.parametrize(
    ("wire", "code", "message"),
    [
        pytest.param(
            request(query="a=%"), "MalformedQueryString", "Incomplete trailing escape % sequence", id="1 trailing"
        ),
        pytest.param(
            request(query="a=%4"), "MalformedQueryString", "Incomplete trailing escape % sequence", id="1 half"
        ),
        pytest.param(
            request(query="a=%zz&b"),
            "MalformedQueryString",
            "Illegal hex character in escape % pattern: %zz",
            id="1 illegal",
        ),
        pytest.param(
            request(), "MissingAuthenticationToken", "Request is missing Authentication Token", id="2 unsigned"
        ),
        pytest.param(
            request(query="X-Amz-Algorithm=AWS3"),
            "MissingAuthenticationToken",
            "Request is missing Authentication Token",
            id="2 query form of another scheme",
        ),
        pytest.param(request(whole(), DATE, query=QUERY), "SignatureDoesNotMatch", None, id="3 both forms"),
        pytest.param(
            request(header("Basic abc")), "IncompleteSignature", "Unsupported AWS 'algorithm': 'Basic'.", id="4 scheme"
        ),
        pytest.param(
            request(header("AWS4-HMAC-SHA256 Credential=x, oops")),
            "IncompleteSignature",
            "'oops' not a valid key=value pair (missing equal-sign) in Authorization header: 'Credential=x, oops'.",
            id="5 a part without equal sign",
        ),
        pytest.param(request(header("AWS4-HMAC-SHA256 a=b")), "IncompleteSignature", ALL_MISSING, id="6 all missing"),
        pytest.param(
            request(whole()),
            "IncompleteSignature",
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
            "Authorization=AWS4-HMAC-SHA256",
            id="6 no date",
        ),
        pytest.param(
            request(query=QUERY),
            "IncompleteSignature",
            "AWS query-string parameters must include 'X-Amz-Signature'. "
            "AWS query-string parameters must include 'X-Amz-SignedHeaders'. Re-examine the query-string parameters.",
            id="6q missing parts",
        ),
        pytest.param(
            request(whole(signed_headers="x-amz-date"), DATE), "SignatureDoesNotMatch", NOT_SIGNED, id="7 host"
        ),
        pytest.param(
            request(whole(), ("x-amz-date", "2026-01-02")),
            "IncompleteSignature",
            f"Date must be in ISO-8601 'basic format'. Got '2026-01-02'. {DATE_HELP}",
            id="8 another format",
        ),
        pytest.param(
            request(whole(), ("x-amz-date", "20261302T030405Z")),
            "IncompleteSignature",
            f"Date must be in ISO-8601 'basic format'. Got '20261302T030405Z'. {DATE_HELP}",
            id="8 no such month",
        ),
        *(
            pytest.param(
                request(whole(), ("date", date)),
                "IncompleteSignature",
                f"Date must be in ISO-8601 'basic format'. Got '{date}'. {DATE_HELP}",
                id=f"8 {date}",
            )
            for date in (
                "Sun, 22 Nov 99999999999 14:00:00 GMT",
                "Fri, 31 Dec 9999 23:59:59 -2359",
                "Sun, 22 Nov 2026 14:00:00 +99999999",
                ",",
            )
        ),
        pytest.param(
            request(whole(f"AKID/20260102/{'a' * 33}/logs/aws4_request"), DATE),
            "SignatureDoesNotMatch",
            f"Credential should be scoped to a valid region, not '{'a' * 33}'.",
            id="11 a region that no table has room for",
        ),
        *(
            pytest.param(
                request(query=f"{QUERY}&X-Amz-SignedHeaders=host&X-Amz-Signature=00&X-Amz-Expires={expires}"),
                "IncompleteSignature",
                f"X-Amz-Expires must be between 1 and 604800 seconds, got '{expires[:32]}'.",
                id="6q centuries behind zeros",
            )
            for expires in ("00000000160480100000", "000000001" + "9" * 5_000)
        ),
        pytest.param(
            request(whole(), ("x-amz-date", "20260102T024904Z")),
            "SignatureDoesNotMatch",
            "Signature expired: 20260102T024904Z is now earlier than 20260102T024905Z (20260102T030405Z - 15 min.)",
            id="9 too old",
        ),
        pytest.param(
            request(whole(), ("x-amz-date", "20260102T031906Z")),
            "SignatureDoesNotMatch",
            "Signature not yet current: 20260102T031906Z is still later than 20260102T031905Z "
            "(20260102T030405Z + 15 min.)",
            id="9 too new",
        ),
        pytest.param(
            request(whole("AKID/20260102/logs"), DATE),
            "IncompleteSignature",
            f"{SCOPE_HELP} 'AKID/20260102/logs'",
            id="10 scope parts",
        ),
        pytest.param(
            request(whole("AKID/20260101/US_EAST/s3/aws3"), DATE),
            "SignatureDoesNotMatch",
            "Credential should be scoped to a valid region, not 'US_EAST'. "
            "Credential should be scoped to correct service: 'logs'. "
            "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws3'. "
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            "'20260101' != '20260102', from '20260102T030405Z'.",
            id="11 scope values, joined",
        ),
    ],
)
def test_faults_that_need_no_key(wire, code, message):
    with pytest.raises(ServiceError) as caught:
        read_authorization(wire, NOW_MS, frozenset(("logs",)))
    assert (caught.value.code, caught.value.message) == (code, message)


def with_header(wire: WireRequest, name: str, value: str) -> WireRequest:
    return msgspec.structs.replace(wire, headers=(*wire.headers, (name, value)))


@pytest.mark.parametrize(
    ("wire", "known", "code", "message"),
    [
        pytest.param(signed(request()), (), "InvalidClientTokenId", INVALID_TOKEN, id="12 unknown key"),
        pytest.param(
            signed(request(), msgspec.structs.replace(SESSION, session_token=None)),
            (SESSION,),
            "InvalidClientTokenId",
            INVALID_TOKEN,
            id="12 temporary key without its token",
        ),
        pytest.param(
            signed(request(), msgspec.structs.replace(SESSION, session_token="OTHER")),
            (SESSION,),
            "InvalidClientTokenId",
            INVALID_TOKEN,
            id="12 wrong token",
        ),
        pytest.param(
            signed(request(), msgspec.structs.replace(LONG_TERM, session_token="TOKEN")),
            (LONG_TERM,),
            "InvalidClientTokenId",
            INVALID_TOKEN,
            id="12 long-term key with a token",
        ),
        pytest.param(
            signed(request(), SESSION),
            (msgspec.structs.replace(SESSION, expires_ms=NOW_MS),),
            "ExpiredToken",
            "The security token included in the request is expired",
            id="13 session over",
        ),
        pytest.param(
            signed(request(), msgspec.structs.replace(LONG_TERM, secret_access_key="other")),
            (LONG_TERM,),
            "SignatureDoesNotMatch",
            MISMATCH,
            id="14 wrong secret",
        ),
        pytest.param(
            msgspec.structs.replace(signed(request()), body=b"{ }"),
            (LONG_TERM,),
            "SignatureDoesNotMatch",
            MISMATCH,
            id="14 changed body",
        ),
        pytest.param(
            msgspec.structs.replace(signed(request()), path="/other"),
            (LONG_TERM,),
            "SignatureDoesNotMatch",
            MISMATCH,
            id="14 changed path",
        ),
        pytest.param(
            signed(request(("x-amz-content-sha256", "UNSIGNED-PAYLOAD"))),
            (LONG_TERM,),
            "SignatureDoesNotMatch",
            MISMATCH,
            id="an unsigned payload is S3's alone",
        ),
        pytest.param(
            signed(request(("x-amz-content-sha256", "0" * 64))),
            (LONG_TERM,),
            "SignatureDoesNotMatch",
            MISMATCH,
            id="the declared hash is of another body",
        ),
        pytest.param(
            with_header(signed(request()), "x-amz-target", "Logs_20140328.DeleteLogGroup"),
            (LONG_TERM,),
            "SignatureDoesNotMatch",
            MISMATCH,
            id="an x-amz header that is not signed",
        ),
        pytest.param(
            presigned(timestamp="20260102T030304Z"),
            (LONG_TERM,),
            "SignatureDoesNotMatch",
            "Signature expired: 20260102T030304Z is now earlier than 20260102T030305Z (20260102T030405Z - 1 min.)",
            id="9 a presigned request past its time",
        ),
        pytest.param(
            presigned(expires_s=604_801),
            (LONG_TERM,),
            "IncompleteSignature",
            "X-Amz-Expires must be between 1 and 604800 seconds, got '604801'.",
            id="presigned for too long",
        ),
    ],
)
async def test_faults_of_keys_and_signatures(wire, known, code, message):
    with pytest.raises(ServiceError) as caught:
        await authenticator(*known).authenticate(wire)
    assert (caught.value.code, caught.value.message) == (code, message)


def rfc_dated() -> WireRequest:
    """Return a request whose only date is the `Date` header in RFC 1123 form; what is signed has its ISO form."""
    wire = request(("date", "Fri, 02 Jan 2026 03:04:05 GMT"))
    scope = Scope("20260102", "eu-west-1", "logs")
    text = string_to_sign(canonical_request(wire, ["date", "host"], payload_hash(wire.body)), "20260102T030405Z", scope)
    value = signature(derive_key(SECRET, scope), text)
    return with_header(
        wire,
        "authorization",
        f"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{scope}, SignedHeaders=date;host, Signature={value}",
    )


@pytest.mark.parametrize(
    ("wire", "known"),
    [
        pytest.param(signed(request()), LONG_TERM, id="header form"),
        pytest.param(signed(request(), SESSION), SESSION, id="header form of a session"),
        pytest.param(presigned(), LONG_TERM, id="query form"),
        pytest.param(presigned(SESSION), SESSION, id="query form of a session"),
        pytest.param(signed(request(), timestamp="20260102T024905Z"), LONG_TERM, id="fifteen minutes late"),
        pytest.param(signed(request(), timestamp="20260102T031905Z"), LONG_TERM, id="fifteen minutes early"),
        pytest.param(rfc_dated(), LONG_TERM, id="dated by the Date header alone"),
        pytest.param(presigned(timestamp="20260101T030406Z", expires_s=86_400), LONG_TERM, id="presigned for a day"),
    ],
)
async def test_true_signatures_are_accepted(wire, known):
    sender = await authenticator(known).authenticate(wire)
    assert sender.principal == PRINCIPAL
    assert (sender.region, sender.service, sender.access_key_id) == ("eu-west-1", "logs", known.access_key_id)


async def test_very_many_headers_and_names_of_headers_cost_little():
    # As much of both as fits into the head of a request; whoever knows the id of a key could send it.
    wire = signed(request(*[("x-amz-", "")] * 3_000))
    names = f"SignedHeaders=host{';' * 30_000};x-amz-;x-amz-date,"
    added = re.sub("SignedHeaders=[^,]*,", names, wire.header("authorization") or "")
    many = msgspec.structs.replace(wire, headers=(*wire.headers[:-1], ("authorization", added)))
    started = time.process_time()
    with pytest.raises(ServiceError, match="does not match"):
        await authenticator(LONG_TERM).authenticate(many)
    assert time.process_time() - started < 0.3


async def test_verifying_costs_little():
    port = authenticator(LONG_TERM)
    wire = signed(request())
    await port.authenticate(wire)
    started = time.perf_counter()
    for _ in range(200):
        await port.authenticate(wire)
    # Sixty microseconds when measured alone; the bound allows for a busy machine.
    assert (time.perf_counter() - started) / 200 < 0.001


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        pytest.param(request(), None, id="nothing claimed"),
        pytest.param(request(whole()), ("AKIDEXAMPLE", Scope("20260102", "us-east-1", "logs")), id="header"),
        pytest.param(
            request(query=QUERY.replace("/", "%2F")),
            ("AKIDEXAMPLE", Scope("20260102", "us-east-1", "logs")),
            id="query",
        ),
        pytest.param(request(header("Bearer x")), None, id="another scheme"),
    ],
)
def test_claimed_scopes_are_read_without_trust(wire, expected):
    assert read_scope_unverified(wire) == expected


@pytest.mark.parametrize(
    ("wire", "region", "service"),
    [
        pytest.param(request(), "eu-central-1", None, id="unsigned"),
        pytest.param(request(whole()), "us-east-1", "logs", id="with any signature"),
    ],
)
async def test_without_authentication_everyone_is_the_configured_principal(wire, region, service):
    sender = await UnverifiedAuthenticator(PRINCIPAL, "eu-central-1").authenticate(wire)
    assert (sender.principal, sender.region, sender.service) == (PRINCIPAL, region, service)
