"""The public keys of issuers, found through their discovery documents and kept for a while."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from groundwatch.begun import uninterrupted
from groundwatch.gateway.authorizers.issuers import Issuer
from groundwatch.outbound import OutboundClient, OutboundError

Fetch = Callable[[str], Awaitable[bytes]]
"""Gets the document at a URL; raises FetchError for anything but a whole answer with status 200."""
Key = RSAKey | ECKey
FRESH_MS = 10 * 60_000
"""How long keys are used without asking again."""
STALE_MS = 60 * 60_000
"""How long they are still used while the issuer does not answer."""
RETRY_MS = 30_000
"""The least time between two questions to one issuer, whatever tokens ask for."""
MAX_ISSUERS = 256
MAX_KEYS = 100
MAX_DOCUMENT_BYTES = 256 * 1024
FETCH_TIMEOUT_S = 5
MIN_RSA_BITS = 2048
_TYPES: Mapping[str, type[RSAKey | ECKey]] = {"RSA": RSAKey, "EC": ECKey}
"""Key types of signatures; symmetric keys are none, since whoever can verify with one can sign."""
_log = logging.getLogger(__name__)


class FetchError(Exception):
    """A document could not be fetched, or is not what it should be."""


@dataclass(slots=True)
class _Entry:
    keys: dict[str | None, list[Key]] = field(default_factory=dict)
    """By key id; None for keys without one."""
    fetched_ms: int | None = None
    asked_ms: int | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class KeySets:
    """Keys by issuer and key id. For one event loop; memory is bounded by the number of issuers.

    `fetch_named` reaches issuers that the operator named, wherever they are, `fetch_public` those that users named.
    """

    def __init__(self, fetch_named: Fetch, fetch_public: Fetch, clock_ms: Callable[[], int]) -> None:
        self._fetch_named = fetch_named
        self._fetch_public = fetch_public
        self._clock_ms = clock_ms
        self._entries: OrderedDict[Issuer, _Entry] = OrderedDict()

    async def find(self, issuer: Issuer, key_id: str | None, key_type: str) -> Key | None:
        """Return the issuer's key of this type with this id, or its only one for a token that names none.

        An id that is not known is looked for once more, at most every `RETRY_MS`: issuers change their keys.

        Raises:
            FetchError: when no keys could be had for longer than `STALE_MS`.
        """
        entry = self._entry(issuer)
        now_ms = self._clock_ms()
        age_ms = None if entry.fetched_ms is None else now_ms - entry.fetched_ms
        if age_ms is None or age_ms >= FRESH_MS or _chosen(entry, key_id, key_type) is None:
            # Asked for at most now and then, so not in vain: a client who leaves must not end it for all others.
            await uninterrupted(self._refresh(issuer, entry, now_ms))
        if entry.fetched_ms is None or now_ms - entry.fetched_ms >= FRESH_MS + STALE_MS:
            raise FetchError(f"the keys of {issuer.name} could not be fetched")
        return _chosen(entry, key_id, key_type)

    def _entry(self, issuer: Issuer) -> _Entry:
        entry = self._entries.get(issuer)
        if entry is None:
            entry = self._entries[issuer] = _Entry()
            if len(self._entries) > MAX_ISSUERS:
                self._entries.popitem(last=False)
        else:
            self._entries.move_to_end(issuer)
        return entry

    async def _refresh(self, issuer: Issuer, entry: _Entry, now_ms: int) -> None:
        async with entry.lock:
            # Whoever waited for the lock finds what the one before has fetched.
            if entry.asked_ms is not None and now_ms - entry.asked_ms < RETRY_MS:
                return
            entry.asked_ms = now_ms
            try:
                entry.keys = await self._fetch(issuer)
            except FetchError as error:
                _log.warning("the keys of the issuer %s: %s", issuer.name, error)
            else:
                entry.fetched_ms = now_ms

    async def _fetch(self, issuer: Issuer) -> dict[str | None, list[Key]]:
        fetch = self._fetch_named if issuer.trusted else self._fetch_public
        discovered = _document(await fetch(f"{issuer.name.rstrip('/')}/.well-known/openid-configuration"))
        if discovered.get("issuer") != issuer.name:
            raise FetchError(f"the discovery document is that of {discovered.get('issuer')!r}")
        address = discovered.get("jwks_uri")
        if not isinstance(address, str) or not _is_as_safe(address, issuer.name):
            raise FetchError("the discovery document names no usable jwks_uri")
        return _read_keys(_document(await fetch(address)))


def document_source(client: OutboundClient) -> Fetch:
    """Return the way to get documents through a client, which decides on addresses."""

    async def fetch(url: str) -> bytes:
        try:
            answer = await client.send("GET", url, timeout_s=FETCH_TIMEOUT_S, headers=[("Accept", "application/json")])
        except OutboundError as error:
            raise FetchError(f"{url}: {error}") from error
        if answer.status != 200 or len(answer.body) > MAX_DOCUMENT_BYTES:
            raise FetchError(f"{url}: status {answer.status}, {len(answer.body)} bytes")
        return answer.body

    return fetch


def _chosen(entry: _Entry, key_id: str | None, key_type: str) -> Key | None:
    if key_id is not None:
        found = [key for key in entry.keys.get(key_id, ()) if key.key_type == key_type]
    else:
        found = [key for keys in entry.keys.values() for key in keys if key.key_type == key_type]
    # Which of several keys was meant must not be tried out.
    return found[0] if len(found) == 1 else None


def _is_as_safe(address: str, issuer: str) -> bool:
    try:
        scheme = urlsplit(address).scheme
    except ValueError:
        return False
    return scheme in ({"https"} if urlsplit(issuer).scheme == "https" else {"http", "https"})


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FetchError("not a JSON document") from error
    if not isinstance(document, dict):
        raise FetchError("not a JSON object")
    return document


def _read_keys(document: dict[str, Any]) -> dict[str | None, list[Key]]:
    """Return the keys that can verify signatures; others in the set are for other uses and left alone."""
    listed = document.get("keys")
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        raise FetchError("not a key set, or a very large one")
    keys: dict[str | None, list[Key]] = {}
    for held in listed:
        key = _read_key(held)
        if key is not None:
            keys.setdefault(key.kid, []).append(key)
    if not keys:
        raise FetchError("the key set holds no key for signatures")
    return keys


def _read_key(held: object) -> Key | None:
    if not isinstance(held, dict) or held.get("use", "sig") != "sig" or held.get("kty") not in _TYPES:
        return None
    # Only the public parts: a set that holds private keys too is no reason to keep them.
    members = ("kty", "kid", "alg", "use", "n", "e", "crv", "x", "y")
    public = {name: held[name] for name in members if isinstance(held.get(name), str)}
    try:
        if public["kty"] == "RSA" and _modulus_bits(public) < MIN_RSA_BITS:
            return None
        return _TYPES[public["kty"]].import_key(public)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        _log.warning("a key of a key set cannot be used: %s", error)
        return None


def _modulus_bits(public: Mapping[str, str]) -> int:
    # Four characters of base64 are three bytes; good enough to tell a short key.
    return len(public.get("n", "").rstrip("=")) * 6
