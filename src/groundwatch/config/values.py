"""Values of settings as operators write them: each parser checks the form of one and opens nothing.

The text of a ValueError goes on from "the value … ".
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from groundwatch.config.model import Address, TlsFiles, TlsMode, UpstreamPlace

MIB = 1024 * 1024


def parse_path(text: str) -> Path:
    """Return the absolute path; `~` is the home directory, relative paths start at the current directory."""
    if not text:
        raise ValueError("is empty; give a directory")
    if "\0" in text:
        raise ValueError("has a NUL, which no path may hold")
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as error:
        raise ValueError("begins with a home directory that is not known; give an absolute path") from error


def parse_data(text: str) -> Path:
    """Return the absolute path of the data directory, below which URLs of databases lead."""
    path = parse_path(text)
    if any(mark in str(path) for mark in "?#%"):
        # The databases would be made at another place, which nobody locks: all behind a mark is cut off or decoded.
        raise ValueError(f"is {path}, and URLs of databases cannot hold ? # %; give a directory without these")
    return path


def split_url(text: str) -> SplitResult:
    """Return the parts of a URL; neither scheme nor host where it is none, or its port is no port."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return urlsplit("")
    return parts


def parse_address(text: str) -> Address:
    """Return the address written as `HOST:PORT` or `[IPV6]:PORT`."""
    match = re.fullmatch(r"(?:\[(?P<v6>[^\]]+)\]|(?P<host>[^:\[\]\s/]+)):(?P<port>\d{1,5})", text)
    if match is None or int(match["port"]) > 65535:
        raise ValueError("is not HOST:PORT; write for example 127.0.0.1:4580 or [::1]:4580")
    if match["v6"] is not None and not _is_ipv6(match["v6"]):
        raise ValueError("has no IPv6 address in its brackets; write for example [::1]:4580")
    return Address(match["v6"] or match["host"], int(match["port"]))


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def parse_tls(text: str) -> TlsMode:
    """Return `auto`, `off` or the two files written as `CERT,KEY`."""
    if text == "auto":
        return "auto"
    if text == "off":
        return "off"
    certificate, comma, key = text.partition(",")
    if not (certificate and comma and key):
        raise ValueError("is neither auto, off nor CERT,KEY; write for example server.pem,server-key.pem")
    return TlsFiles(parse_path(certificate), parse_path(key))


def parse_events_url(text: str) -> str:
    """Return the URL of the event store after checking its form; nothing is opened."""
    parts = split_url(text)
    bare = not (parts.netloc or parts.query or parts.fragment)
    if parts.scheme == "chdb" and bare and parts.path not in {"", "/"}:
        return text
    if parts.scheme in {"http", "https"} and parts.hostname:
        return text
    raise ValueError("is not an events URL; write chdb:///ABSOLUTE/PATH or http://HOST:8123/DATABASE")


def parse_metadata_url(text: str) -> str:
    """Return the URL of the metadata database after checking its form; nothing is opened."""
    # SQLAlchemy, unlike URLs, takes a password as it is, with slashes.
    parts = split_url(re.sub(r"(?<=://)[^@]*@", "", text))
    if parts.scheme == "sqlite" and not parts.netloc and parts.path not in {"", "/"}:
        return text
    if re.fullmatch(r"postgresql(\+\w+)?", parts.scheme) and parts.hostname:
        return text
    raise ValueError("is not a metadata URL; write sqlite:////ABSOLUTE/PATH or postgresql://USER:PASSWORD@HOST/DB")


def parse_target_url(text: str) -> str:
    """Return `off`, `aws` or the URL of a service that takes what subscriptions deliver."""
    parts = split_url(text)
    if text in {"off", "aws"} or (parts.scheme in {"http", "https"} and parts.hostname):
        return text
    raise ValueError("is neither off, aws nor a URL; write for example http://127.0.0.1:4566")


def parse_destinations(text: str) -> tuple[str, ...]:
    """Return addresses, networks (`10.0.0.0/8`) and host names, written with commas between them; `off` is none."""
    if text == "off":
        return ()
    entries = tuple(entry.strip() for entry in text.split(",") if entry.strip())
    for entry in entries:
        if not _is_destination(entry):
            raise ValueError(f"has {entry!r}, which is neither an address nor a network nor a host name")
    return entries


def _is_destination(entry: str) -> bool:
    try:
        ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return re.fullmatch(r"(?![0-9.]+$)[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?", entry) is not None
    return True


def parse_issuers(text: str) -> dict[str, str]:
    """Return issuer URLs by user pool, written as `POOL=URL` with commas between them; none for `off`."""
    if text == "off":
        return {}
    issuers: dict[str, str] = {}
    for entry in text.split(","):
        pool, equals, url = entry.strip().partition("=")
        parts = split_url(url)
        if not (pool and equals and parts.scheme in {"http", "https"} and parts.hostname) or parts.query:
            raise ValueError("is not POOL=URL; write for example us-east-1_abc=https://login.example.com/realms/main")
        issuers[pool] = url
    return issuers


def parse_upstream(text: str) -> tuple[UpstreamPlace, ...]:
    """Return places written with commas between them: `PLACE` for all services, `SERVICE[.REGION]=PLACE` for one."""
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    places = tuple(_upstream_place(entry) for entry in entries)
    if not places or len({(place.service, place.region) for place in places}) < len(places):
        raise ValueError("names no place, or one twice; write for example aws, or aws,logs=http://127.0.0.1:4566")
    return places if any(place.place != "off" for place in places) else ()


def _upstream_place(entry: str) -> UpstreamPlace:
    named, equals, place = entry.partition("=")
    if not equals or "/" in named:
        return UpstreamPlace(None, None, parse_target_url(entry))
    service, dot, region = named.partition(".")
    if not re.fullmatch(r"[a-z][a-z0-9-]*", service):
        raise ValueError(f"has {named!r}, which is no service; write for example logs=aws or logs.eu-west-1=aws")
    return UpstreamPlace(service, parse_region(region) if dot else None, parse_target_url(place))


def parse_prefixes(text: str) -> tuple[str, ...]:
    """Return beginnings of names, written with commas between them; `all` is none."""
    prefixes = tuple(prefix.strip() for prefix in text.split(",") if prefix.strip())
    if not prefixes:
        raise ValueError("is empty; write all, or for example /aws/,/prod/")
    return () if prefixes == ("all",) else prefixes


def parse_region(text: str) -> str:
    """Return the name of a region, such as `eu-central-1` or `us-gov-west-1`."""
    if not re.fullmatch(r"[a-z]{2,5}(-[a-z]+)+-\d{1,2}", text):
        raise ValueError("is not the name of a region; write for example us-east-1")
    return text


def parse_account(text: str) -> str:
    """Return a twelve-digit account id."""
    if not re.fullmatch(r"[0-9]{12}", text):
        raise ValueError('is not an account id; write twelve digits, in TOML between quotes, such as "000000000000"')
    return text


def parse_days(text: str) -> int:
    """Return a number of days from 1 to 36,500, a century."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 36_500:
        raise ValueError("is not a number of days from 1 to 36500")
    return int(text)


def parse_count(text: str) -> int:
    """Return a number from 1 to a billion."""
    if not re.fullmatch(r"[0-9]{1,10}", text) or not 1 <= int(text) <= 1_000_000_000:
        raise ValueError("is not a number from 1 to 1000000000")
    return int(text)


def parse_bytes(text: str) -> int:
    """Return a size written as a number of bytes or with a binary unit: `64KiB`, `128MiB`, `2GiB`."""
    match = re.fullmatch(r"([0-9]+)\s*(KiB|MiB|GiB)?", text)
    if match is None:
        raise ValueError("is not a size; write bytes or a unit, such as 134217728 or 128MiB")
    return int(match[1]) * {None: 1, "KiB": 1024, "MiB": MIB, "GiB": 1024 * MIB}[match[2]]


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a parser that takes exactly these words."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"is unknown{nearest(text, choices)}; write one of {', '.join(choices)}")
        return text

    return parse


def nearest(word: str, known: Sequence[str]) -> str:
    """Return a suggestion for a word that is not known, empty when none is near."""
    matches = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean {matches[0]}?)" if matches else ""
