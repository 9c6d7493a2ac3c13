"""Payloads that are known to be compact are passed on in part; templates must not be able to tell."""

from __future__ import annotations

import msgspec
import pytest

from groundwatch.gateway.mapping.budget import Budget
from groundwatch.gateway.mapping.template import Template
from groundwatch.gateway.mapping.values import HeaderMap
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


def rendered(template: str, payload: object, *, compact: bool) -> str:
    text = msgspec.json.encode(payload).decode()
    variable = InputVariable(text, path={}, querystring={}, header=HeaderMap({}), compact=compact)
    return Template(template).render(template_scope(variable, None, {}), Budget(100_000))


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_compact_payload_is_written_like_any_other(template):
    assert rendered(template, PAYLOAD, compact=True) == rendered(template, PAYLOAD, compact=False)


def test_the_members_of_what_is_no_object_are_none():
    assert rendered("$input.json('$.a')$input.json('$')", [1], compact=True) == '""[1]'


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
