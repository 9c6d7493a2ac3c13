"""A syntax tree as the text of a pattern again; what it prints parses to an equal tree."""

from __future__ import annotations

import re

from groundwatch.logs.patterns import nodes
from groundwatch.logs.patterns.target import Target

BARE_TERM = re.compile(r"[A-Za-z0-9_]+")
PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]+")


def pattern_text(node: nodes.Node) -> str:
    """Return the text of a pattern or of a part of it."""
    return str(PRINTER.visit(node))


def quoted(text: str) -> str:
    """Return the text as a quoted string of the pattern language."""
    # Backslashes first, or those that escape quotes would be doubled.
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class Printer(Target):
    """A method a node, each returning text."""

    def match_all(self, _node: nodes.MatchAll) -> str:
        """Print nothing: the empty pattern."""
        return ""

    def terms(self, node: nodes.Terms) -> str:
        """Print the terms, quoted where they must be."""
        marked = (("", node.required), ("-", node.excluded), ("?", node.optional))
        return " ".join(
            mark + (term if BARE_TERM.fullmatch(term) else quoted(term)) for mark, terms in marked for term in terms
        )

    def regex(self, node: nodes.Regex) -> str:
        """Print the expression between percent signs."""
        return f"%{node.expression}%"

    def json(self, node: nodes.Json) -> str:
        """Print the condition in braces."""
        return f"{{ {self.visit(node.condition)} }}"

    def fields(self, node: nodes.Fields) -> str:
        """Print the slots in brackets."""
        slots = [self.visit(slot) for slot in node.before] + ["..."] * node.ellipsis
        return f"[{', '.join(slots + [self.visit(slot) for slot in node.after])}]"

    def slot(self, node: nodes.Slot) -> str:
        """Print the slot's condition, or else its name, or else nothing."""
        return self.visit(node.condition) if node.condition else node.name or ""

    def every(self, node: nodes.Every) -> str:
        """Print the parts, with parentheses around what binds less tightly or is nested."""
        nested = nodes.Every | nodes.Some
        return " && ".join(
            f"({self.visit(part)})" if isinstance(part, nested) else self.visit(part) for part in node.parts
        )

    def some(self, node: nodes.Some) -> str:
        """Print the parts, with parentheses around what is nested."""
        return " || ".join(
            f"({self.visit(part)})" if isinstance(part, nodes.Some) else self.visit(part) for part in node.parts
        )

    def compare(self, node: nodes.Compare) -> str:
        """Print an equality or inequality."""
        return f"{self.visit(node.subject)} {'!=' if node.negated else '='} {self.visit(node.value)}"

    def ordered(self, node: nodes.Ordered) -> str:
        """Print a comparison of numbers."""
        return f"{self.visit(node.subject)} {node.order} {self.visit(node.number)}"

    def is_(self, node: nodes.Is) -> str:
        """Print the literal in capitals."""
        return f"{self.visit(node.subject)} IS {node.literal.upper()}"

    def missing(self, node: nodes.Missing) -> str:
        """Print NOT EXISTS."""
        return f"{self.visit(node.subject)} NOT EXISTS"

    def text(self, node: nodes.Text) -> str:
        """Print a value, always quoted."""
        # `*` alone is one open value, not two open ends around nothing.
        stars = "*" * node.open_start + node.text + "*" * (node.open_end and (node.text != "" or not node.open_start))
        return quoted(stars)

    def number(self, node: nodes.Number) -> str:
        """Print a number as it was spelled."""
        return node.spelled

    def selector(self, node: nodes.Selector) -> str:
        """Print the path."""
        return "$" + "".join(self.visit(step) for step in node.steps)

    def field(self, node: nodes.Field) -> str:
        """Print the slot's name."""
        return node.name

    def member(self, node: nodes.Member) -> str:
        """Print a name, in brackets where it holds other characters."""
        return f".{node.name}" if PLAIN_NAME.fullmatch(node.name) else f"['{node.name}']"

    def element(self, node: nodes.Element) -> str:
        """Print an index."""
        return f"[{node.index}]"

    def any_member(self, _node: nodes.AnyMember) -> str:
        """Print the wildcard for properties."""
        return ".*"

    def any_element(self, _node: nodes.AnyElement) -> str:
        """Print the wildcard for elements."""
        return "[*]"


PRINTER = Printer()
