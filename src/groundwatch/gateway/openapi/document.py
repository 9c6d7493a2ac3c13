"""From bytes to a tree: JSON or YAML, pseudo parameters resolved, and bounded before anything walks it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
import yaml

from groundwatch.aws.context import RequestContext
from groundwatch.gateway.control.errors import bad_request
from groundwatch.gateway.openapi.findings import INVALID_INPUT

Tree = dict[str, Any]
MAX_DOCUMENT_BYTES = 6 * 1024 * 1024
MAX_DEPTH = 100
MAX_NODES = 500_000
"""Values of a document with its aliases written out; far above what 6 MB of honest text hold."""
MAX_INTEGER_BITS = 1024
"""Longer integers cost time that grows with their square, and Python refuses to write them out."""
_NUMBERS = {
    "tag:yaml.org,2002:int": re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*)\Z"),
    "tag:yaml.org,2002:float": re.compile(
        r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?|\.(?:inf|Inf|INF))\Z"
        r"|\.(?:nan|NaN|NAN)\Z"
    ),
}
_TAGS = frozenset((None, "!", *(f"tag:yaml.org,2002:{kind}" for kind in ("str", "map", "seq"))))
"""Explicit tags that are read; PyYAML fails in its own ways at values that do not fit the others."""
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.CSafeLoader):
    """PyYAML's safe loader without dates and numbers to the base of sixty.

    `version: 2024-01-01` and `1:30` are texts to OpenAPI, which uses YAML 1.2.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own name and form
        first: [(tag, _NUMBERS.get(tag, pattern)) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }


def load_document(body: bytes, context: RequestContext) -> Tree:
    """Return the document as a tree with text keys.

    Raises BadRequestException (`Invalid OpenAPI input.`) for anything that is not a mapping of bounded size and depth,
    which stops deep nesting, self-reference and alias bombs before they cost memory or stack.
    """
    if len(body) > MAX_DOCUMENT_BYTES:
        raise bad_request(f"{INVALID_INPUT} The document exceeds {MAX_DOCUMENT_BYTES} bytes.")
    try:
        text = _resolve_pseudo_parameters(body.decode("utf-8-sig"), context)
        loaded = _parse(text)
    except (UnicodeDecodeError, msgspec.DecodeError, yaml.YAMLError, RecursionError, ValueError) as error:
        raise bad_request(INVALID_INPUT) from error
    if not isinstance(loaded, dict):
        raise bad_request(INVALID_INPUT)
    _check_size(loaded)
    tree = _with_text_keys(loaded)
    return tree if isinstance(tree, dict) else {}


def _resolve_pseudo_parameters(text: str, context: RequestContext) -> str:
    values = {"AccountId": context.account_id, "Region": context.region, "Partition": "aws"}
    for name, value in values.items():
        text = text.replace(f"${{AWS::{name}}}", value)
    return text


def _parse(text: str) -> object:
    if text.lstrip().startswith("{"):
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError:
            # YAML's flow style also begins with a brace, and takes comments and trailing commas.
            pass
    _check_events(text)
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - derived from the safe loader


def _check_events(text: str) -> None:
    depth = nodes = 0
    for event in yaml.parse(text, Loader=_Loader):
        nodes += isinstance(event, yaml.events.NodeEvent)
        if nodes > MAX_NODES:
            raise bad_request(f"{INVALID_INPUT} The document is too large.")
        if isinstance(event, yaml.events.ScalarEvent | yaml.events.CollectionStartEvent) and event.tag not in _TAGS:
            raise bad_request(INVALID_INPUT)
        # Merging copies the merged pairs before anything can be counted: a bomb of its own.
        if isinstance(event, yaml.events.ScalarEvent) and event.value == "<<" and event.implicit[0]:
            raise bad_request(f"{INVALID_INPUT} YAML merge keys are not supported.")
        if isinstance(event, yaml.events.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise bad_request(f"{INVALID_INPUT} The document is nested too deeply.")
        elif isinstance(event, yaml.events.CollectionEndEvent):
            depth -= 1


def _check_size(root: object) -> None:
    """Raise when the tree, with shared parts counted every time they occur, is too deep or too big."""
    sizes: dict[int, int] = {}
    if _size(root, 0, sizes) > MAX_NODES:
        raise bad_request(f"{INVALID_INPUT} The document is too large.")


def _size(value: object, depth: int, sizes: dict[int, int]) -> int:
    if isinstance(value, int) and value.bit_length() > MAX_INTEGER_BITS:
        raise bad_request(f"{INVALID_INPUT} A number is too large.")
    if not isinstance(value, dict | list):
        return 1
    # A cycle is met here too: it never ends its descent.
    if depth > MAX_DEPTH:
        raise bad_request(f"{INVALID_INPUT} The document is nested too deeply.")
    known = sizes.get(id(value))
    if known is None:
        children = value.values() if isinstance(value, dict) else value
        known = 1 + sum(_size(child, depth + 1, sizes) for child in children)
        sizes[id(value)] = known
    return known


def _with_text_keys(value: object) -> object:
    # YAML reads the keys of `responses` as numbers.
    if isinstance(value, Mapping):
        return {_key(key): _with_text_keys(held) for key, held in value.items()}
    if isinstance(value, list):
        return [_with_text_keys(held) for held in value]
    return value


def _key(key: object) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)
