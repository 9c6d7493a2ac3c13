"""A document as text: JSON, or YAML in which no reader can take a text for anything else."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import yaml

from groundwatch.gateway.openapi.document import Tree

_PLAIN_KEY = re.compile(r"[A-Za-z/][A-Za-z0-9/_.{}+-]*")


class _Dumper(yaml.CSafeDumper):
    """PyYAML's dumper with every text in quotes.

    Readers disagree about what a bare `1e3`, `0o7` or `12:30` is. Keys stay bare where they are words, as people write
    them; the base class quotes those that mean something else, such as `on`.
    """

    def represent_text(self, data: str) -> yaml.ScalarNode:
        """Return a text as a node in quotes."""
        return self.represent_scalar("tag:yaml.org,2002:str", data, style='"')

    def represent_document(self, data: Mapping[str, Any]) -> yaml.MappingNode:
        """Return a mapping as a node, in its own order."""
        node = self.represent_mapping("tag:yaml.org,2002:map", data.items())
        for key, _ in node.value:
            if _PLAIN_KEY.fullmatch(key.value):
                key.style = None
        return node

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - for no value
        """Return that parts which occur twice are written twice."""
        return True


_Dumper.add_representer(str, _Dumper.represent_text)
_Dumper.add_representer(dict, _Dumper.represent_document)


def to_json(document: Tree) -> bytes:
    """Return the document as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2)


def to_yaml(document: Tree) -> bytes:
    """Return the document as YAML."""
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return text.encode()


FORMS: Mapping[str, tuple[str, Callable[[Tree], bytes]]] = {
    "application/json": ("json", to_json),
    "application/yaml": ("yaml", to_yaml),
}
"""Media type → suffix of the file, and what writes it."""
