"""What the meanings of a pattern have in common: a class a meaning, a method a node, and refusal of what has none."""

from __future__ import annotations

import keyword
import re
from typing import Any, ClassVar

from groundwatch.logs.patterns.nodes import CONDITIONS, PARTS, PATTERNS, VALUES, Node


class UnknownNodeError(TypeError):
    """A target met a node that it has no method for: a fault of this program, never of the pattern."""


def method_name(node_class: type[Node]) -> str:
    """Return the name of the method for a class of nodes: `any_member` for `AnyMember`."""
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", node_class.__name__).lower()
    return f"{name}_" if keyword.iskeyword(name) else name


class Target:
    """Base of the targets. A subclass has a method per node class, named by `method_name`."""

    methods: ClassVar[dict[type[Node], str]] = {}

    def __init_subclass__(cls) -> None:
        """Build the table from node class to method, once a class."""
        super().__init_subclass__()
        known = (*PATTERNS, *CONDITIONS, *VALUES, *PARTS)
        cls.methods = {node: method_name(node) for node in known if hasattr(cls, method_name(node))}

    def visit(self, node: Node, *context: Any) -> Any:  # noqa: ANN401 - each target has its own result
        """Return what the target's method makes of the node. Raises `UnknownNodeError` when it has none."""
        name = self.methods.get(type(node))
        if name is None:
            raise UnknownNodeError(f"{type(self).__name__} has no meaning for {type(node).__name__}")
        return getattr(self, name)(node, *context)
