"""Members of a service's answer are passed on without reading its text; templates must not be able to tell."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest

from groundwatch.aws.json_values import with_capital_digits
from groundwatch.gateway.mapping.budget import Budget
from groundwatch.gateway.mapping.template import Template
from groundwatch.gateway.mapping.variables import InputVariable, template_scope

PAYLOAD = {
    "events": [
        {"timestamp": 1, "message": '{"a":"\\u0001 12e5 \u2014 \x7f \x1f /"}'},
        {"timestamp": 2, "message": "plain \\\x1f é"},
    ],
    "token": "f/1\x1f",
    "count": 12345678901234567890,
    "complete": True,
    "empty": {},
    "none": [None],
}
TEMPLATES = [
    "$input.json('$.events')",
    "$input.json('$.events[1]')",
    "$input.json('$')",
    "$input.json('$.token') $input.path('$.token')",
    "$input.json('$.count') $input.path('$.count')",
    "$input.json('$.complete') $input.path('$.complete')",
    "$input.json('$.empty') $input.path('$.empty') $input.json('$.none')",
    "$input.json('$.absent') $input.path('$.absent')",
    "$input.json('$..message')",
    "#foreach($e in $input.path('$.events'))$e.message;#end",
    "#set($x = $input.path('$.empty'))#set($x.a = 1)$input.json('$.empty')",
    "$input.json('$.empty')#set($x = $input.path('$.empty'))#set($x.a = 1)$input.json('$.empty')",
    "$input.body",
]


def rendered(template: str, payload: object, members: Mapping[str, object] | None = None) -> str:
    text = msgspec.json.encode(payload).decode()
    variable = InputVariable(text, path={}, querystring={}, header={}, members=members)
    return Template(template).render(template_scope(variable, None, {}), Budget(100_000))


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("ready", [False, True])
def test_a_payload_with_known_members_is_written_like_any_other(template, ready):
    events = msgspec.Raw(with_capital_digits(msgspec.json.encode(PAYLOAD["events"])))
    members = PAYLOAD | {"events": events} if ready else PAYLOAD
    assert rendered(template, PAYLOAD, members) == rendered(template, PAYLOAD)


@pytest.mark.parametrize(
    ("template", "names"),
    [
        ("plain", set()),
        ("$context.stage", {"context"}),
        ("#if($a)#set($b.c = $d)#end", {"a", "b", "d"}),
        ('#foreach($e in $list)"$e.x"#end', {"e", "list"}),
        ('#set($q = "in $context.stage")', {"q", "context"}),
        ("$input.params($context.stage)", {"input", "context"}),
        ("#macro(m $p)$p $context.path#end #m($q)", {"p", "context", "q"}),
        ("#define($d)$context.stage#end$d", {"context", "d"}),
    ],
)  # fmt: skip
def test_a_template_knows_which_variables_it_mentions(template, names):
    assert Template(template).names == names
