"""What CloudFormation evaluates wherever it stands, and no escape keeps as it is: dynamic references and functions.

Who writes a definition could have secrets filled in with the rights of whoever makes the stack, and read them from the
API.

EvaluatedTextError           a text or a member would be replaced by something else
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from groundwatch.deploy.texts import Tree

_DYNAMIC = re.compile(r"\{\{resolve:[A-Za-z-]*:?")
_MACRO = "Fn::Transform"
_FUNCTION = re.compile(r"Fn::.*|Ref", re.DOTALL)


class EvaluatedTextError(Exception):
    """CloudFormation would read more into a document than there is; the text says where."""


def check_literal(document: Tree, place: str) -> None:
    """Return when a document, found at `place`, means to CloudFormation just what it is.

    Raises:
        EvaluatedTextError: when it does not.
    """
    if isinstance(document, str):
        found = _DYNAMIC.search(document)
        if found is not None:
            raise EvaluatedTextError(f"{place}: CloudFormation would fill in what {found[0]}…}}}} stands for")
    elif isinstance(document, Mapping):
        for key, value in document.items():
            check_literal(key, place)
            # A schema may well have a property of this name among others; alone in its object it is a function. Macros
            # are run among others, too, and are given those.
            if key == _MACRO or (_FUNCTION.fullmatch(key) and len(document) == 1):
                raise EvaluatedTextError(f"{place}: CloudFormation would evaluate the member {key}")
            check_literal(value, f"{place}.{key}")
    elif isinstance(document, list):
        for index, value in enumerate(document):
            check_literal(value, f"{place}[{index}]")
