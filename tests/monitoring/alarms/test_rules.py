"""Rules of composite alarms: what they mean, and what is said of those that are wrong."""

import pytest

from groundwatch.aws.errors import ServiceError
from groundwatch.monitoring.alarms.model import Place
from groundwatch.monitoring.alarms.rules import holds, parse_rule

PLACE = Place("111122223333", "us-east-1")
ARN = "arn:aws:cloudwatch:us-east-1:111122223333:alarm:"
STATES = {"up": "OK", "down": "ALARM", "new": "INSUFFICIENT_DATA", "with (b) space": "ALARM", 'q"uote': "ALARM"}
MEANINGS = [
    ("TRUE", True),
    ("FALSE", False),
    ("ALARM(down)", True),
    ("ALARM(up)", False),
    ("OK(up)", True),
    ("INSUFFICIENT_DATA(new)", True),
    ("NOT ALARM(up)", True),
    ("NOT NOT NOT TRUE", False),
    (f"ALARM({ARN}down)", True),
    (f'ALARM("{ARN}down")', True),
    ('ALARM("with (b) space")', True),
    (r'ALARM("q\"uote")', True),
    (" ALARM ( down )\n AND\tOK ( up ) ", True),
    ("ALARM(down)AND OK(up)", True),
    ("TRUE OR TRUE AND FALSE", True),
    ("(TRUE OR TRUE) AND FALSE", False),
    ("NOT (ALARM(down) AND ALARM(up))", True),
    ("NOT TRUE OR TRUE", True),
    ("AT_LEAST(1, ALARM, (up, down))", True),
    ("AT_LEAST(2, ALARM, (up, down))", False),
    ("AT_LEAST(50%, ALARM, (up, down))", True),
    ("AT_LEAST(51%, ALARM, (up, down))", False),
    ("AT_LEAST(2, NOT ALARM, (up, down, new))", True),
    ('AT_LEAST(1,OK,("with (b) space",up))', True),
    (f"{'NOT ' * 2000}TRUE", True),
    (f"{'(' * 4000}TRUE{')' * 4000}", True),
]
OPERANDS = "'(', 'NOT', AT_LEAST, TRUE or FALSE, ALARM, OK, or INSUFFICIENT_DATA"
FAULTS = [
    ("true", f"Error in AlarmRule [Unsupported token 'true' at char 0, must be: {OPERANDS}]"),
    ("TRUE and FALSE", "Error in AlarmRule [Unsupported token 'and' at char 5, must be: <EOF>, 'AND', 'OR']"),
    ("(TRUE FALSE)", "Error in AlarmRule [Unsupported token 'FALSE' at char 6, must be: ')', 'AND', 'OR']"),
    ("TRUE AND", f"Error in AlarmRule [Unsupported token '<EOF>' at char 8, must be: {OPERANDS}]"),
    ("ALARM", "Error in AlarmRule [Unsupported token '<EOF>' at char 5, must be: '(']"),
    ("ALARM()", "Error in AlarmRule [Unsupported token ')' at char 6, must be: the name or ARN of an alarm]"),
    ("ALARM(a b)", "Error in AlarmRule [Unsupported token 'b' at char 8, must be: ')']"),
    (
        "OK(arn:aws:cloudwatch:us-west-2:111122223333:alarm:a)",
        "Error in AlarmRule [Wrong ARN region, it was us-west-2 but us-east-1 was expected instead]",
    ),
    (
        "OK(arn:aws:cloudwatch:us-east-1:999999999999:alarm:a)",
        "A composite alarm cannot have a child relation with alarms from another AWS account",
    ),
    ("AT_LEAST(3, ALARM, (a, b))", "AT_LEAST absolute threshold must be between 1 and number of alarms (2)"),
    ("AT_LEAST(0, ALARM, (a, b))", "AT_LEAST absolute threshold must be between 1 and number of alarms (2)"),
    ("AT_LEAST(101%, ALARM, (a, b))", "AT_LEAST percentage threshold must be between 1 and 100"),
    (
        " OR ".join(f"OK(a{n})" for n in range(101)),
        "Error in AlarmRule [The rule refers to more than 100 alarms]",
    ),
    (" OR ".join(["OK(a)"] * 501), "Error in AlarmRule [The rule has more than 500 elements]"),
    (
        "(TRUE AND (TRUE OR " * 60 + "TRUE" + "))" * 60,
        "Error in AlarmRule [The rule nests more than 100 levels deep]",
    ),
]


@pytest.mark.parametrize(("rule", "meaning"), MEANINGS, ids=[rule[:40] for rule, _ in MEANINGS])
def test_meaning(rule, meaning):
    assert holds(parse_rule(rule, PLACE).node, STATES) is meaning


@pytest.mark.parametrize(("rule", "message"), FAULTS, ids=[rule[:40] for rule, _ in FAULTS])
def test_fault(rule, message):
    with pytest.raises(ServiceError) as refused:
        parse_rule(rule, PLACE)
    assert (refused.value.code, refused.value.message) == ("ValidationError", message)


def test_children_are_named_once():
    rule = parse_rule(f"ALARM(b) OR OK({ARN}a) OR AT_LEAST(1, OK, (a, b, c))", PLACE)
    assert rule.names == ("b", "a", "c")
