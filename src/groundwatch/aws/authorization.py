"""Reading and judging a Signature Version 4: every fault that AWS distinguishes, in the order in which it finds them.

Two steps, because the key must be looked up between: `read_authorization` takes the request apart and checks all that
needs no key, `verify` checks token, expiry and signature.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from urllib.parse import unquote_plus

import msgspec

from groundwatch.aws.context import Credential
from groundwatch.aws.errors import ServiceError
from groundwatch.aws.http import WireRequest
from groundwatch.aws.sigv4 import (
    ALGORITHM,
    TERMINATOR,
    Scope,
    SigningKeys,
    canonical_request,
    payload_hash,
    string_to_sign,
)

SKEW_S = 15 * 60
MAX_EXPIRES_S = 604_800
_EXPIRES_DIGITS = 9
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})(.{0,2})", re.DOTALL)
_BASIC_DATE = re.compile(r"\d{8}T\d{6}Z\Z", re.ASCII)
_REGION = re.compile(r"[a-z0-9-]{1,32}\Z")
_WRONG_SIGNATURE = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)
_HEADER_PARTS = ("Credential", "Signature", "SignedHeaders")
_QUERY_PARTS = ("X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date")


class Authorization(msgspec.Struct, frozen=True):
    """The signature that came with a request, well-formed and in time, but not yet verified."""

    access_key_id: str
    scope: Scope
    signed_headers: tuple[str, ...]
    signature: str
    timestamp: str
    """ISO 8601 basic format."""
    session_token: str | None
    is_presigned: bool


class _Parts(msgspec.Struct, frozen=True):
    """What header and query form have in common, before it is judged."""

    credential: str
    signed_headers: str
    signature: str
    date: str
    token: str | None
    expires_s: int | None
    is_presigned: bool


def read_authorization(request: WireRequest, now_ms: int, services: frozenset[str]) -> Authorization:
    """Return the request's signature, checked in everything that needs no key.

    `services` are the signing names accepted in the scope. Raises `ServiceError` with the codes of query services.
    """
    query = _query_parameters(request.query_string)
    header = request.header("authorization")
    is_presigned = query.get("X-Amz-Algorithm") == ALGORITHM
    if header is None and not is_presigned:
        raise ServiceError("MissingAuthenticationToken", "Request is missing Authentication Token")
    if header is not None and is_presigned:
        raise ServiceError("SignatureDoesNotMatch")
    parts = _header_form(header, request) if header is not None else _query_form(query)
    signed_headers = tuple(parts.signed_headers.split(";"))
    if "host" not in signed_headers and ":authority" not in signed_headers:
        message = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
        raise ServiceError("SignatureDoesNotMatch", message)
    timestamp, signed_ms = _parse_date(parts.date)
    _check_age(signed_ms, timestamp, now_ms, parts.expires_s)
    access_key_id, scope = _read_scope(parts.credential, timestamp, services)
    return Authorization(
        access_key_id, scope, signed_headers, parts.signature, timestamp, parts.token, parts.is_presigned
    )


def read_scope_unverified(request: WireRequest) -> tuple[str, Scope] | None:
    """Return access key id and scope that a request claims, or None; for routing and `--auth off`, never for trust."""
    header = request.header("authorization")
    if header is not None:
        _, _, rest = header.partition("Credential=")
        credential = rest.partition(",")[0].strip()
    elif "X-Amz-Credential=" in request.query_string:
        rest = request.query_string.partition("X-Amz-Credential=")[2]
        credential = unquote_plus(rest.partition("&")[0])
    else:
        return None
    pieces = credential.split("/")
    return (pieces[0], Scope(*pieces[1:4])) if len(pieces) == 5 else None


def verify(
    request: WireRequest, authorization: Authorization, credential: Credential | None, keys: SigningKeys, now_ms: int
) -> None:
    """Return when the signature was made with `credential`; raise `ServiceError` for a wrong key, token, signature."""
    if credential is None or not _same(credential.session_token or "", authorization.session_token or ""):
        raise ServiceError("InvalidClientTokenId", "The security token included in the request is invalid.")
    if credential.expires_ms is not None and now_ms >= credential.expires_ms:
        raise ServiceError("ExpiredToken", "The security token included in the request is expired")
    body_hash = payload_hash(request.body)
    declared = request.header("x-amz-content-sha256")
    if declared is not None and declared != body_hash:
        # UNSIGNED-PAYLOAD and the streaming forms are S3's; elsewhere the body is always signed.
        raise ServiceError("SignatureDoesNotMatch", _WRONG_SIGNATURE)
    if not _signs_all_amazon_headers(request, authorization.signed_headers):
        raise ServiceError("SignatureDoesNotMatch", _WRONG_SIGNATURE)
    without = "X-Amz-Signature" if authorization.is_presigned else None
    canonical = canonical_request(request, authorization.signed_headers, body_hash, without_query=without)
    text = string_to_sign(canonical, authorization.timestamp, authorization.scope)
    expected = keys.sign(credential.secret_access_key, authorization.scope, text)
    if not _same(expected, authorization.signature):
        raise ServiceError("SignatureDoesNotMatch", _WRONG_SIGNATURE)


def _same(expected: str, given: str) -> bool:
    if not expected and not given:
        return True
    return hmac.compare_digest(expected.encode(), given.encode())


def _signs_all_amazon_headers(request: WireRequest, signed_headers: tuple[str, ...]) -> bool:
    # An unsigned X-Amz-Target would let a captured request be turned into another operation. Of both there may be
    # thousands, and no key is needed to get here.
    signed = frozenset(signed_headers)
    return all(name in signed for name, _ in request.headers if name.startswith("x-amz-"))


def _query_parameters(query_string: str) -> Mapping[str, str]:
    """Return the decoded `X-Amz-…` parameters, of repeated ones the first; raise on a bad escape anywhere."""
    if not query_string:
        return {}
    bad = _BAD_ESCAPE.search(query_string)
    if bad is not None:
        trailing = len(bad[1]) < 2
        text = "Incomplete trailing escape % sequence"
        message = text if trailing else f"Illegal hex character in escape % pattern: %{bad[1]}"
        raise ServiceError("MalformedQueryString", message)
    found: dict[str, str] = {}
    for part in query_string.split("&"):
        name, _, value = part.partition("=")
        if name.startswith("X-Amz-"):
            found.setdefault(name, unquote_plus(value))
    return found


def _header_form(header: str, request: WireRequest) -> _Parts:
    algorithm, _, rest = header.strip().partition(" ")
    if algorithm != ALGORITHM:
        raise ServiceError("IncompleteSignature", f"Unsupported AWS 'algorithm': '{algorithm}'.")
    found: dict[str, str] = {}
    for piece in rest.split(","):
        name, equals, value = piece.strip().partition("=")
        if not equals:
            message = (
                f"'{piece.strip()}' not a valid key=value pair (missing equal-sign) in Authorization header: '{rest}'."
            )
            raise ServiceError("IncompleteSignature", message)
        found[name] = value
    date = request.header("x-amz-date") or request.header("date")
    credential, names, given = found.get("Credential"), found.get("SignedHeaders"), found.get("Signature")
    if not (credential and names and given and date):
        faults = [f"Authorization header requires '{part}' parameter." for part in _HEADER_PARTS if not found.get(part)]
        if not date:
            faults.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
        raise ServiceError("IncompleteSignature", " ".join([*faults, f"Authorization={ALGORITHM}"]))
    return _Parts(credential, names, given, date, request.header("x-amz-security-token"), None, False)  # noqa: FBT003


def _query_form(query: Mapping[str, str]) -> _Parts:
    faults = [f"AWS query-string parameters must include '{part}'." for part in _QUERY_PARTS if not query.get(part)]
    if faults:
        raise ServiceError("IncompleteSignature", " ".join([*faults, "Re-examine the query-string parameters."]))
    return _Parts(
        credential=query["X-Amz-Credential"],
        signed_headers=query["X-Amz-SignedHeaders"],
        signature=query["X-Amz-Signature"],
        date=query["X-Amz-Date"],
        token=query.get("X-Amz-Security-Token"),
        expires_s=_expires_s(query.get("X-Amz-Expires")),
        is_presigned=True,
    )


def _expires_s(text: str | None) -> int:
    if text is None:
        return SKEW_S
    if not (text.isascii() and text.isdigit() and len(text) <= _EXPIRES_DIGITS and 1 <= int(text) <= MAX_EXPIRES_S):
        message = f"X-Amz-Expires must be between 1 and {MAX_EXPIRES_S} seconds, got '{text[:32]}'."
        raise ServiceError("IncompleteSignature", message)
    return int(text)


def _parse_date(text: str) -> tuple[str, int]:
    """Return a date in ISO 8601 basic format, and in milliseconds since the epoch."""
    try:
        if _BASIC_DATE.match(text):
            return text, _basic_date_ms(text)
        if "," in text:
            parsed = parsedate_to_datetime(text)
            moment = parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
            return moment.strftime("%Y%m%dT%H%M%SZ"), int(moment.timestamp()) * 1000
    except (ValueError, OverflowError) as error:
        raise _date_format_error(text) from error
    raise _date_format_error(text)


@lru_cache(maxsize=64)
def _basic_date_ms(text: str) -> int:
    # The requests of a second all carry the same date.
    day, time = text[:8], text[9:15]
    date = (int(day[:4]), int(day[4:6]), int(day[6:]), int(time[:2]), int(time[2:4]), int(time[4:]))
    return int(datetime(*date, tzinfo=UTC).timestamp()) * 1000


def _date_format_error(text: str) -> ServiceError:
    message = f"Date must be in ISO-8601 'basic format'. Got '{text}'. See http://en.wikipedia.org/wiki/ISO_8601"
    return ServiceError("IncompleteSignature", message)


def _check_age(signed_ms: int, timestamp: str, now_ms: int, expires_s: int | None) -> None:
    allowed_s = SKEW_S if expires_s is None else expires_s
    if signed_ms < now_ms - allowed_s * 1000:
        message = f"Signature expired: {timestamp} is now earlier than {_window(now_ms, -allowed_s)}"
        raise ServiceError("SignatureDoesNotMatch", message)
    if signed_ms > now_ms + SKEW_S * 1000:
        message = f"Signature not yet current: {timestamp} is still later than {_window(now_ms, SKEW_S)}"
        raise ServiceError("SignatureDoesNotMatch", message)


def _window(now_ms: int, shift_s: int) -> str:
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    edge = now + timedelta(seconds=shift_s)
    size_s = abs(shift_s)
    span = f"{size_s // 60} min." if size_s % 60 == 0 else f"{size_s} sec."
    sign = "+" if shift_s > 0 else "-"
    return f"{edge:%Y%m%dT%H%M%SZ} ({now:%Y%m%dT%H%M%SZ} {sign} {span})"


def _read_scope(credential: str, timestamp: str, services: frozenset[str]) -> tuple[str, Scope]:
    pieces = credential.split("/")
    if len(pieces) != 5:
        message = (
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
            f"got '{credential}'"
        )
        raise ServiceError("IncompleteSignature", message)
    access_key_id, date, region, service, terminator = pieces
    faults = []
    if not _REGION.match(region):
        faults.append(f"Credential should be scoped to a valid region, not '{region}'.")
    if service not in services:
        expected = " or ".join(f"'{name}'" for name in sorted(services))
        faults.append(f"Credential should be scoped to correct service: {expected}.")
    if terminator != TERMINATOR:
        faults.append(f"Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{terminator}'.")
    if date != timestamp[:8]:
        faults.append(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{date}' != '{timestamp[:8]}', from '{timestamp}'."
        )
    if faults:
        raise ServiceError("SignatureDoesNotMatch", " ".join(faults))
    return access_key_id, Scope(date, region, service)
