"""Terraform's templates: every text of a configuration is one, so whatever is not meant to be evaluated is quoted.

A text that reads `${file("…")}` would otherwise be the contents of that file, of whoever applies the configuration.
"""

from __future__ import annotations

from collections.abc import Mapping

from groundwatch.deploy.texts import Tree


class Expression(str):
    """A text that Terraform is to evaluate, with everything in it quoted that is not."""

    __slots__ = ()


def settled(document: Tree) -> Tree:
    """Return a document in which nothing but expressions means anything to Terraform; names of members neither."""
    if isinstance(document, Mapping):
        return {settled(key): settled(value) for key, value in document.items()}
    if isinstance(document, list):
        return [settled(value) for value in document]
    if isinstance(document, str) and not isinstance(document, Expression):
        return Expression(quoted(document))
    return document


def quoted(text: str) -> str:
    """Return a text as a template that stands for it."""
    return text.replace("${", "$${").replace("%{", "%%{")
