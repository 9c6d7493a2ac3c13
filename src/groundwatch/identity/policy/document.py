"""Policy documents: JSON text becomes a frozen tree, or is refused.

Nothing unknown is passed over: an element, operator or principal kind that this evaluator does not know makes the whole
document malformed, since leaving it out could widen access.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from groundwatch.identity.policy.conditions import Condition, parse_condition
from groundwatch.identity.policy.errors import MalformedPolicyError
from groundwatch.identity.policy.glob import Glob, compile_glob
from groundwatch.identity.policy.keys import RequestKeys
from groundwatch.identity.policy.principals import PrincipalSet, parse_principals
from groundwatch.identity.policy.template import Pattern, Template, Variable, parse_template

PolicyKind = Literal["identity", "resource", "trust"]
Effect = Literal["Allow", "Deny"]
VARIABLES_VERSION = "2012-10-17"
VERSIONS = ("2008-10-17", VARIABLES_VERSION)
SYNTAX_ERROR = "Syntax errors in policy."
ARN_RESOURCE_COLONS = 5
POLICY_ELEMENTS = frozenset({"Version", "Id", "Statement"})
STATEMENT_ELEMENTS = frozenset(
    {
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    }
)
SERVICE_PREFIX = re.compile(r"[A-Za-z0-9-]+", re.ASCII)
ACTION_NAME = re.compile(r"[A-Za-z0-9*?]+", re.ASCII)
SID = re.compile(r"[A-Za-z0-9]*", re.ASCII)
# Actions that a trust policy can speak of; the rest of STS is not asked of a role.
TRUST_SERVICE = "sts"


class Actions(msgspec.Struct, frozen=True):
    """An Action or NotAction element; everything is in lower case."""

    negated: bool
    everything: bool
    globs: Mapping[str, tuple[Glob, ...]]
    """Patterns of action names by service prefix."""

    def match(self, service: str, name: str) -> bool:
        """Tell whether the element covers the action `service:name`, both in lower case."""
        if not self.everything:
            for glob in self.globs.get(service, ()):
                if glob.matches(name):
                    return not self.negated
        return self.everything != self.negated


class Resources(msgspec.Struct, frozen=True):
    """A Resource or NotResource element."""

    negated: bool
    patterns: tuple[Pattern, ...]

    def match(self, resource: str, keys: RequestKeys) -> bool:
        """Tell whether the element covers the resource."""
        for pattern in self.patterns:
            if pattern.matches(resource, keys):
                return not self.negated
        return self.negated


class Statement(msgspec.Struct, frozen=True):
    """One statement; `principals` and `not_principals` are None in identity policies, `resources` in trust policies."""

    sid: str | None
    effect: Effect
    actions: Actions
    resources: Resources | None
    principals: PrincipalSet | None
    not_principals: PrincipalSet | None
    conditions: tuple[Condition, ...]


class Policy(msgspec.Struct, frozen=True):
    """A parsed document."""

    version: str
    statements: tuple[Statement, ...]

    @property
    def principal_arns(self) -> frozenset[str]:
        """Every user, role and session that the document names."""
        sets = [s for statement in self.statements for s in (statement.principals, statement.not_principals) if s]
        return frozenset(arn for principals in sets for arn in principals.arns)


def parse_policy(text: str, kind: PolicyKind) -> Policy:
    """Return the document as a tree; raise MalformedPolicyError when it is not a policy of this kind.

    `identity` covers the policies of users and roles, permissions boundaries and session policies; `trust` the policies
    of roles; `resource` all others that have principals.
    """
    document = _load_json(text)
    if not isinstance(document, dict) or not document.keys() <= POLICY_ELEMENTS:
        raise MalformedPolicyError(SYNTAX_ERROR, "unknown element beside Version, Id and Statement")
    version = document.get("Version", VERSIONS[0])
    if version not in VERSIONS:
        raise MalformedPolicyError(SYNTAX_ERROR, f"unknown version {version!r}")
    if not isinstance(document.get("Id", ""), str) or (kind == "identity" and "Id" in document):
        raise MalformedPolicyError(SYNTAX_ERROR, "Id is not allowed here")
    elements = document.get("Statement")
    if isinstance(elements, dict):
        elements = [elements]
    if not isinstance(elements, list) or not elements:
        raise MalformedPolicyError(SYNTAX_ERROR, "no statement")
    # Documents without a version follow the older one, in which `${…}` is plain text.
    reader = _StatementReader(kind, variables=version == VARIABLES_VERSION)
    statements = tuple(reader.read(element) for element in elements)
    _check_sids(statements, kind)
    return Policy(version, statements)


class _StatementReader:
    """Parses the statements of one document."""

    def __init__(self, kind: PolicyKind, *, variables: bool) -> None:
        self._kind = kind
        self._variables = variables

    def read(self, element: object) -> Statement:
        if not isinstance(element, dict) or not element.keys() <= STATEMENT_ELEMENTS:
            raise MalformedPolicyError(SYNTAX_ERROR, "unknown element in a statement")
        effect, sid = element.get("Effect"), element.get("Sid")
        if effect not in ("Allow", "Deny") or not (sid is None or isinstance(sid, str)):
            raise MalformedPolicyError(SYNTAX_ERROR, "Effect or Sid")
        principals, not_principals = self._principals(element, effect)
        return Statement(
            sid=sid,
            effect=effect,
            actions=self._actions(element),
            resources=self._resources(element),
            principals=principals,
            not_principals=not_principals,
            conditions=self._conditions(element.get("Condition", {})),
        )

    def _principals(
        self, element: Mapping[str, Any], effect: Effect
    ) -> tuple[PrincipalSet | None, PrincipalSet | None]:
        given = [name for name in ("Principal", "NotPrincipal") if name in element]
        if self._kind == "identity":
            if given:
                raise MalformedPolicyError("Policy document should not specify a principal.")
            return None, None
        if len(given) != 1:
            raise MalformedPolicyError("Missing required field Principal")
        value = element[given[0]]
        if isinstance(value, dict):
            value = {kind: _strings(names, "Principal") for kind, names in value.items()}
        if not value or not isinstance(value, str | dict):
            raise MalformedPolicyError(SYNTAX_ERROR, "Principal")
        principals = parse_principals(value)
        if given[0] == "Principal":
            return principals, None
        if effect == "Allow":
            # It would admit everybody else in the world, anonymous callers included.
            raise MalformedPolicyError("Allow with NotPrincipal is not allowed.")
        return None, principals

    def _actions(self, element: Mapping[str, Any]) -> Actions:
        name = _either(element, "Action", "NotAction", "Policy statement must contain actions.")
        globs: dict[str, tuple[Glob, ...]] = {}
        values = _strings(element[name], name)
        for value in values:
            if value == "*":
                continue
            service, _, action = value.lower().partition(":")
            if not SERVICE_PREFIX.fullmatch(service) or not ACTION_NAME.fullmatch(action):
                raise MalformedPolicyError(
                    "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.", value
                )
            if self._kind == "trust" and service != TRUST_SERVICE:
                raise MalformedPolicyError("AssumeRole policy may only specify STS AssumeRole actions.", value)
            # Grouped by service, so that a request compares names of its own service only.
            globs[service] = (*globs.get(service, ()), compile_glob(action))
        if self._kind == "trust" and "*" in values:
            raise MalformedPolicyError("AssumeRole policy may only specify STS AssumeRole actions.")
        return Actions(negated=name == "NotAction", everything="*" in values, globs=globs)

    def _resources(self, element: Mapping[str, Any]) -> Resources | None:
        if self._kind == "trust":
            for prohibited in ("Resource", "NotResource"):
                if prohibited in element:
                    raise MalformedPolicyError(f"Has prohibited field {prohibited}")
            return None
        name = _either(element, "Resource", "NotResource", "Policy statement must contain resources.")
        patterns = tuple(self._resource(value) for value in _strings(element[name], name))
        return Resources(negated=name == "NotResource", patterns=patterns)

    def _resource(self, value: str) -> Pattern:
        # The gateway's short form (execute-api:/stage/GET/path) is kept as written; its owner expands it when saving.
        short = self._kind == "resource" and value.startswith("execute-api:/")
        if value != "*" and not short and not value.startswith("arn:"):
            raise MalformedPolicyError(f'Resource {value} must be in ARN format or "*".')
        template = parse_template(value, variables=self._variables, wildcards=True)
        if not short:
            _check_variables_follow_account(template, value)
        return Pattern(template)

    def _conditions(self, block: object) -> tuple[Condition, ...]:
        if not isinstance(block, dict):
            raise MalformedPolicyError(SYNTAX_ERROR, "Condition is not an object")
        conditions: list[Condition] = []
        for operator, keys in block.items():
            if not isinstance(keys, dict) or not keys:
                raise MalformedPolicyError(SYNTAX_ERROR, f"{operator} has no keys")
            for key, values in keys.items():
                texts = _condition_values(values)
                conditions.append(parse_condition(operator, key, texts, variables=self._variables))
        return tuple(conditions)


def _load_json(text: str) -> object:
    try:
        document = json.loads(text, object_pairs_hook=_unique_members, parse_constant=_refuse_constant)
        # Half of a surrogate pair can be neither compared, nor stored, nor shown.
        json.dumps(document, ensure_ascii=False).encode()
    # Brackets nested a hundred thousand deep exhaust the stack of the parser.
    except (ValueError, RecursionError) as error:
        raise MalformedPolicyError("This policy contains invalid Json") from error
    return document


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    # A parser that keeps the last one would let an Effect be overwritten unseen.
    if len(members) != len(pairs):
        raise MalformedPolicyError(SYNTAX_ERROR, "an element occurs twice")
    return members


def _refuse_constant(name: str) -> object:
    raise ValueError(name)


def _check_sids(statements: Sequence[Statement], kind: PolicyKind) -> None:
    sids = [statement.sid for statement in statements if statement.sid]
    if len(set(sids)) != len(sids):
        raise MalformedPolicyError("Statement IDs (SID) in a single policy must be unique.")
    if kind == "identity" and not all(SID.fullmatch(sid) for sid in sids):
        raise MalformedPolicyError(
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular"
            " expression [0-9A-Za-z]*"
        )


def _either(element: Mapping[str, Any], plain: str, negated: str, message: str) -> str:
    given = [name for name in (plain, negated) if name in element]
    if not given:
        raise MalformedPolicyError(message)
    if len(given) > 1:
        raise MalformedPolicyError(SYNTAX_ERROR, f"{plain} and {negated} together")
    return given[0]


def _strings(value: object, name: str) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(item, str) and item for item in values):
        raise MalformedPolicyError(SYNTAX_ERROR, f"{name} must be a text or a list of texts")
    return tuple(values)


def _condition_values(value: object) -> tuple[str, ...]:
    return tuple(_condition_text(item) for item in (value if isinstance(value, list) else [value]))


def _condition_text(value: object) -> str:
    # Before numbers: to Python a boolean is one.
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | str):
        return str(value)
    raise MalformedPolicyError(SYNTAX_ERROR, "condition values are texts, numbers and booleans")


def _check_variables_follow_account(template: Template, value: str) -> None:
    colons = 0
    for part in template.parts:
        if isinstance(part, Variable) and colons < ARN_RESOURCE_COLONS:
            raise MalformedPolicyError(SYNTAX_ERROR, f"policy variables belong in the resource part of {value!r}")
        if isinstance(part, str):
            colons += part.count(":")
