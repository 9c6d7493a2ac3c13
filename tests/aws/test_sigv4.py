"""Signatures against AWS's own suite, stage by stage, and against the reference's worked examples."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import pytest

from groundwatch.aws.authorization import read_authorization, verify
from groundwatch.aws.context import Credential, Principal
from groundwatch.aws.http import WireRequest
from groundwatch.aws.sigv4 import (
    EMPTY_PAYLOAD_HASH,
    Scope,
    SigningCredential,
    SigningKeys,
    canonical_headers,
    canonical_path,
    canonical_query,
    canonical_request,
    derive_key,
    payload_hash,
    presign_query,
    sign_headers,
    signature,
    string_to_sign,
)

SUITE = Path(__file__).resolve().parents[3] / "shared" / "data" / "aws" / "sigv4"
SUITE_SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SUITE_SCOPE = Scope("20150830", "us-east-1", "service")
SUITE_TIME = "20150830T123600Z"
SUITE_TIME_MS = 1_440_938_160_000
PRINCIPAL = Principal("123456789012", "arn:aws:iam::123456789012:user/u", "User", "AIDA")
UNVERIFIABLE = {
    "get-vanilla-with-session-token": "its signed request carries the signature of the case without the token",
    "post-sts-header-after": "its token is added after signing; headers called x-amz-… must be signed here",
}


def suite_cases():
    return [pytest.param(path.parent, id=path.parent.name) for path in sorted(SUITE.rglob("*.req"))]


def read(folder: Path, stage: str) -> str:
    return (folder / f"{folder.name}.{stage}").read_bytes().decode("latin-1").replace("\r\n", "\n")


def parse_request(text: str) -> WireRequest:
    head, _, body = text.rstrip("\n").partition("\n\n")
    first, *lines = head.split("\n")
    method, _, rest = first.partition(" ")
    target = rest.rpartition(" ")[0]
    headers: list[tuple[str, str]] = []
    for line in lines:
        if line.startswith((" ", "\t")):
            # A continued line belongs to the header before it.
            headers[-1] = (headers[-1][0], f"{headers[-1][1]} {line.strip()}")
        else:
            name, _, value = line.partition(":")
            headers.append((name.lower(), value))
    path, _, query = target.partition("?")
    return WireRequest(method, path, query, tuple(headers), body.encode("latin-1"), "127.0.0.1")


def signed_names(request: WireRequest) -> list[str]:
    return sorted({name for name, _ in request.headers})


@pytest.mark.skipif(not SUITE.is_dir(), reason="AWS's signature suite is not beside this checkout")
class TestSuite:
    @pytest.mark.parametrize("folder", suite_cases())
    def test_canonical_request(self, folder):
        request = read_case(folder)
        assert canonical_request(request, signed_names(request), payload_hash(request.body)) == read(folder, "creq")

    @pytest.mark.parametrize("folder", suite_cases())
    def test_string_to_sign(self, folder):
        assert string_to_sign(read(folder, "creq"), SUITE_TIME, SUITE_SCOPE) == read(folder, "sts")

    @pytest.mark.parametrize("folder", suite_cases())
    def test_signature(self, folder):
        value = signature(derive_key(SUITE_SECRET, SUITE_SCOPE), read(folder, "sts"))
        assert read(folder, "authz").endswith(f"Signature={value}")

    @pytest.mark.parametrize("folder", suite_cases())
    def test_authorization_header(self, folder):
        assert dict(sign(read_case(folder)))["authorization"] == read(folder, "authz").strip()

    @pytest.mark.parametrize("folder", suite_cases())
    def test_signed_request_is_verified(self, folder):
        if folder.name in UNVERIFIABLE:
            pytest.skip(UNVERIFIABLE[folder.name])
        request = parse_request(read(folder, "sreq"))
        authorization = read_authorization(request, SUITE_TIME_MS, frozenset(("service",)))
        credential = Credential("AKIDEXAMPLE", SUITE_SECRET, PRINCIPAL, authorization.session_token)
        verify(request, authorization, credential, SigningKeys(), SUITE_TIME_MS)


def read_case(folder: Path) -> WireRequest:
    """Return the request of a case, with the token that a signer adds before it signs."""
    request = parse_request(read(folder, "req"))
    token = parse_request(read(folder, "sreq")).header("x-amz-security-token")
    if token is None or "x-amz-security-token" not in read(folder, "authz") or request.header("x-amz-security-token"):
        return request
    return msgspec.structs.replace(request, headers=(*request.headers, ("x-amz-security-token", token)))


def sign(request: WireRequest) -> tuple[tuple[str, str], ...]:
    credential = SigningCredential("AKIDEXAMPLE", SUITE_SECRET, request.header("x-amz-security-token"))
    return sign_headers(request, credential, region="us-east-1", service="service", timestamp=SUITE_TIME)


LOGS_REQUEST = WireRequest(
    "POST",
    "/",
    "",
    (
        ("content-type", "application/x-amz-json-1.1"),
        ("host", "logs.us-east-1.amazonaws.com"),
        ("x-amz-target", "Logs_20140328.FilterLogEvents"),
    ),
    b'{"logGroupName":"/aws/lambda/demo","limit":10}',
    "127.0.0.1",
)
PRESIGNED = WireRequest(
    "GET",
    "/prod/items/a%20b",
    "x=1&a=%2F",
    (("host", "abc123.execute-api.us-east-1.amazonaws.com"),),
    b"",
    "127.0.0.1",
)


class TestWorkedExamples:
    def test_bare_get(self):
        request = WireRequest(
            "GET", "/", "", (("host", "example.amazonaws.com"), ("x-amz-date", SUITE_TIME)), b"", "127.0.0.1"
        )
        canonical = canonical_request(request, ["host", "x-amz-date"], EMPTY_PAYLOAD_HASH)
        text = string_to_sign(canonical, SUITE_TIME, SUITE_SCOPE)
        assert text.endswith("bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63")
        value = signature(derive_key(SUITE_SECRET, SUITE_SCOPE), text)
        assert value == "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"

    def test_json_post(self):
        assert payload_hash(LOGS_REQUEST.body) == "8daeac1e402bd39812d81cdb425e5961876cd28930b10216570736eba5b581fc"
        added = sign_headers(
            LOGS_REQUEST,
            SigningCredential("AKIDEXAMPLE", SECRET),
            region="us-east-1",
            service="logs",
            timestamp="20260102T030405Z",
        )
        expected = "d034dc1c9eb4d4379540fa5f7481e35ddee96b3b5fc6b24f031f9e3f5abcba94"
        assert dict(added)["authorization"].endswith(f"Signature={expected}")

    def test_presigned_get_with_a_session_token(self):
        query = presign_query(
            PRESIGNED,
            SigningCredential("AKIDEXAMPLE", SECRET, "TOKEN"),
            Scope("20260102", "us-east-1", "execute-api"),
            timestamp="20260102T030405Z",
            expires_s=300,
        )
        expected = "3883523f52c1df4c2278b35227cc0534dd388bb1d387dd6027d7a1e044951747"
        assert query.endswith(f"&X-Amz-Signature={expected}")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("", "/", id="an empty path is the root"),
        pytest.param("/a%20b", "/a%2520b", id="what was received is encoded once more"),
        pytest.param("/a/./b/../c/", "/a/c/", id="dot segments go, the trailing slash stays"),
        pytest.param("//a//b", "/a/b", id="empty segments go"),
        pytest.param("/..", "/", id="the root has no parent"),
        pytest.param("/a/..", "/", id="back at the root"),
        pytest.param("/a.b/..c", "/a.b/..c", id="dots inside names stay"),
        pytest.param("/tags/arn%3Aaws%3Ax", "/tags/arn%253Aaws%253Ax", id="an encoded ARN"),
        pytest.param("/\u00e1\u0088\u00b4", "/%E1%88%B4", id="raw bytes are encoded as they came"),
    ],
)
def test_paths_are_normalised_and_encoded_again(path, expected):
    assert canonical_path(path) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("b=2&a=1", "a=1&b=2", id="sorted by name"),
        pytest.param("a=2&a=1", "a=1&a=2", id="then by value"),
        pytest.param("a", "a=", id="a name without value"),
        pytest.param("a+b=c+d", "a%20b=c%20d", id="plus reads as a blank"),
        pytest.param("a=%2f", "a=%2F", id="escapes are upper-case"),
        pytest.param("a=%41", "a=A", id="unreserved characters are decoded"),
        pytest.param("a=b=c", "a=b%3Dc", id="an equal sign in the value"),
        pytest.param("A=1&a=1&B=1", "A=1&B=1&a=1", id="upper case sorts first"),
    ],
)
def test_queries_are_decoded_encoded_and_sorted(query, expected):
    assert canonical_query(query) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("  a \t b  ", "a b", id="blanks are trimmed and collapsed"),
        pytest.param("Citt\u00c3\u00a0", "Citt\u00c3\u00a0", id="UTF-8 that ends in a no-break space of Latin-1"),
        pytest.param("\u0085a\u001c", "\u0085a\u001c", id="what only Unicode takes for blanks"),
    ],
)
def test_values_of_headers_lose_the_blanks_of_http_only(value, expected):
    assert canonical_headers([("a", value)], ["a"]) == f"a:{expected}\n"


def test_the_key_cache_forgets_its_oldest_entry():
    keys = SigningKeys(max_entries=2)
    scopes = [Scope(f"2026010{day}", "us-east-1", "logs") for day in (1, 2, 3)]
    for scope in (*scopes, scopes[2], scopes[0]):
        assert keys.sign(SECRET, scope, "text") == signature(derive_key(SECRET, scope), "text")
    assert len(keys._keys) == 2


def test_a_header_is_never_signed_twice():
    once = msgspec.structs.replace(LOGS_REQUEST, headers=(*LOGS_REQUEST.headers, ("x-amz-date", "old")))
    added = sign_headers(
        once, SigningCredential("AKIDEXAMPLE", SECRET), region="r", service="logs", timestamp="20260102T030405Z"
    )
    assert [name for name, _ in added] == ["x-amz-date", "authorization"]
    assert "content-type;host;x-amz-date;x-amz-target" in dict(added)["authorization"]


def test_canonicalising_is_fast_enough_for_every_request():
    started = time.perf_counter()
    for _ in range(200):
        canonical_request(LOGS_REQUEST, ["content-type", "host", "x-amz-target"], EMPTY_PAYLOAD_HASH)
    assert time.perf_counter() - started < 0.1
