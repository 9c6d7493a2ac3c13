"""Parser of mapping templates: text, references and directives, with the white space rules of Velocity 1.7.

`#set` swallows the blanks before it; every directive swallows blanks and the line end that directly follow it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from groundwatch.gateway.mapping import nodes
from groundwatch.gateway.mapping.expressions import ExpressionParser

MAX_TEMPLATE_CHARACTERS = 300 * 1024
"""The service's own limit for one template."""

_PLAIN = re.compile(r"[^$#\\]+")
_BACKSLASHES = re.compile(r"\\+")
_REFERENCE_START = re.compile(r"\$!?\{?[A-Za-z_]")
_DIRECTIVE = re.compile(r"#(?:\{([A-Za-z_]+)\}|([A-Za-z_][A-Za-z0-9_]*))")
_LINE_END = re.compile(r"[ \t]*(?:\r\n|\r|\n)")
_MACRO_NAME = re.compile(r"#macro[ \t]*\([ \t\r\n]*([A-Za-z_][A-Za-z0-9_-]*)")
_BLOCK_ENDS = frozenset({"else", "elseif", "end"})
_UNAVAILABLE = frozenset({"parse", "include", "evaluate"})


def parse_template(text: str) -> nodes.Block:
    """Parse a whole template.

    Raises:
        TemplateSyntaxError: with the place, for text that is not a template, is too long or nests too deeply.
    """
    parser = TemplateParser(text, macros=frozenset(_MACRO_NAME.findall(text)))
    if len(text) > MAX_TEMPLATE_CHARACTERS:
        raise parser.fail(f"template has more than {MAX_TEMPLATE_CHARACTERS} characters")
    return parser.whole()


class TemplateParser(ExpressionParser):
    """Reads a template; `macros` are the names that it defines anywhere."""

    def __init__(self, text: str, *, macros: frozenset[str], depth: int = 0) -> None:
        super().__init__(text, depth=depth)
        self._macros = macros
        self._directives: dict[str, Callable[[], nodes.Node]] = {
            "set": self._set,
            "if": self._if,
            "foreach": self._foreach,
            "macro": self._macro,
            "define": self._define,
            "break": nodes.Break,
            "stop": nodes.Stop,
        }

    def whole(self) -> nodes.Block:
        """Read to the end of the text."""
        block = self._block()
        if self.position < len(self.text):
            raise self.fail("#end, #else or #elseif without its directive")
        return block

    def interpolate(self, text: str) -> nodes.Block:
        """Parse the inside of a double-quoted string, which is a template of its own."""
        self.enter()
        block = TemplateParser(text, macros=self._macros, depth=self.depth).whole()
        self.leave()
        return block

    def _block(self) -> nodes.Block:
        """Read until the end of the text or a directive that ends a block."""
        self.enter()
        children: list[nodes.Node] = []
        while self.position < len(self.text):
            plain = self.take(_PLAIN)
            if plain is not None:
                children.append(nodes.Text(plain))
            elif self.at("\\"):
                children.append(nodes.Text(self._escapes()))
            elif self.at("$"):
                children.append(self._reference_or_text())
            elif self._directive_name() in _BLOCK_ENDS:
                break
            else:
                self._hash(children)
        self.leave()
        return nodes.Block(_merge_texts(children))

    def _escapes(self) -> str:
        """Read backslashes: before a reference or directive they are escapes, elsewhere they are text."""
        slashes = self.take(_BACKSLASHES) or ""
        escapable = self._directive_name() in self._directives or self._directive_name() in _BLOCK_ENDS
        if not escapable and not _REFERENCE_START.match(self.text, self.position):
            return slashes
        kept = slashes[: len(slashes) // 2]
        if len(slashes) % 2 == 0:
            return kept
        self.position += 1
        return kept + self.text[self.position - 1]

    def _reference_or_text(self) -> nodes.Node:
        if _REFERENCE_START.match(self.text, self.position):
            return self.reference()
        self.position += 1
        return nodes.Text("$")

    def _directive_name(self) -> str | None:
        match = _DIRECTIVE.match(self.text, self.position)
        return (match.group(1) or match.group(2)) if match else None

    def _hash(self, children: list[nodes.Node]) -> None:
        """Read what a `#` begins: a comment, unparsed text, a directive, a macro call, or plain text."""
        if self.accept("##"):
            end = self.text.find("\n", self.position)
            self.position = len(self.text) if end < 0 else end + 1
        elif self.at("#*"):
            self._until("*#", "comment without end")
        elif self.at("#[["):
            children.append(nodes.Text(self._until("]]#", "unparsed text without end")[3:-3]))
        else:
            self._directive(children)

    def _until(self, closing: str, problem: str) -> str:
        start = self.position
        end = self.text.find(closing, start + 2)
        if end < 0:
            raise self.fail(problem)
        self.position = end + len(closing)
        return self.text[start : self.position]

    def _directive(self, children: list[nodes.Node]) -> None:
        name = self._directive_name()
        if name in _UNAVAILABLE:
            raise self.fail(f"#{name} is not available")
        if name in self._directives:
            if name == "set":
                _strip_blanks_before(children)
            self._skip_name()
            children.append(self._directives[name]())
        elif name in self._macros:
            children.append(self._macro_call(name))
        else:
            self.position += 1
            children.append(nodes.Text("#"))

    def _skip_name(self) -> None:
        self.take(_DIRECTIVE)

    def _open(self) -> None:
        self.skip_blanks()
        self.expect("(")
        self.skip_blanks()

    def _close(self) -> None:
        self.skip_blanks()
        self.expect(")")
        self.take(_LINE_END)

    def _set(self) -> nodes.Set:
        self._open()
        if not self.at("$"):
            raise self.fail("expected a reference")
        target = self.reference()
        if target.steps and isinstance(target.steps[-1], nodes.Call):
            raise self.fail("a method call cannot be assigned to")
        self.skip_blanks()
        self.expect("=")
        value = self.expression()
        self._close()
        return nodes.Set(target, value)

    def _condition(self) -> nodes.Expression:
        self._open()
        condition = self.expression()
        self._close()
        return condition

    def _if(self) -> nodes.If:
        branches = [(self._condition(), self._block())]
        while self._directive_name() == "elseif":
            self._skip_name()
            branches.append((self._condition(), self._block()))
        otherwise = nodes.Block(())
        if self._directive_name() == "else":
            self._skip_name()
            self.take(_LINE_END)
            otherwise = self._block()
        self._end()
        return nodes.If(tuple(branches), otherwise)

    def _end(self) -> None:
        if self._directive_name() != "end":
            raise self.fail("expected #end")
        self._skip_name()
        self.take(_LINE_END)

    def _body(self) -> nodes.Block:
        body = self._block()
        self._end()
        return body

    def _variable(self) -> str:
        reference = self.reference()
        if reference.steps:
            raise self.fail("expected a variable")
        return reference.name

    def _foreach(self) -> nodes.Foreach:
        self._open()
        variable = self._variable()
        self.skip_blanks()
        self.expect("in")
        iterable = self.expression()
        self._close()
        return nodes.Foreach(variable, iterable, self._body())

    def _macro(self) -> nodes.Macro:
        self._open()
        name = self.identifier()
        if "-" in name:
            raise self.fail("a macro's name has no dashes")
        parameters: list[str] = []
        self.skip_blanks()
        while self.at("$"):
            parameters.append(self._variable())
            self.skip_blanks()
            self.accept(",")
            self.skip_blanks()
        self._close()
        return nodes.Macro(name, tuple(parameters), self._body())

    def _define(self) -> nodes.Define:
        self._open()
        name = self._variable()
        self._close()
        return nodes.Define(name, self._body())

    def _macro_call(self, name: str) -> nodes.Node:
        self._skip_name()
        if not self.at("("):
            return nodes.Text(f"#{name}")
        self._open()
        arguments: list[nodes.Expression] = []
        while not self.at(")"):
            arguments.append(self.expression())
            self.skip_blanks()
            self.accept(",")
            self.skip_blanks()
        self._close()
        return nodes.MacroCall(name, tuple(arguments))


def _strip_blanks_before(children: list[nodes.Node]) -> None:
    if children and isinstance(children[-1], nodes.Text):
        children[-1] = nodes.Text(children[-1].text.rstrip(" \t"))


def _merge_texts(children: list[nodes.Node]) -> tuple[nodes.Node, ...]:
    merged: list[nodes.Node] = []
    pending: list[str] = []
    for child in children:
        if isinstance(child, nodes.Text):
            pending.append(child.text)
            continue
        if pending:
            merged.append(nodes.Text("".join(pending)))
            pending = []
        merged.append(child)
    if pending:
        merged.append(nodes.Text("".join(pending)))
    return tuple(merged)
