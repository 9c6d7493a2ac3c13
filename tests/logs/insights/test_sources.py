"""SOURCE, subqueries and joins: what a query reads beside the groups of its request."""

import pytest
from tests.logs.conftest import make_room

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.insights.parse import parse_query
from groundwatch.logs.insights.selection import GroupFilter, Moment
from groundwatch.logs.operations import LogsOperations

START_MS = 1_767_312_000_000


def events(*messages) -> list[dict]:
    return [{"timestamp": START_MS + n, "message": message} for n, message in enumerate(messages)]


@pytest.mark.parametrize(
    ("query", "names", "chosen", "times"),
    [
        ("SOURCE 'a' | fields b", ("a",), None, (None, None)),
        ('source "a" START=1 END=2 | source `b` | limit 1', ("a", "b"), None, (Moment(1), Moment(2))),
        ("SOURCE logGroups()", (), GroupFilter(classes=("STANDARD",)), (None, None)),
        (
            "SOURCE logGroups(namePrefix: ['a', 'b'], class: ['INFREQUENT_ACCESS'], accountIdentifiers: ['1'])",
            (),
            GroupFilter(("a", "b"), ("1",), ("INFREQUENT_ACCESS",)),
            (None, None),
        ),
        (
            "SOURCE lg start=-1d end=now | fields x",
            ("lg",),
            None,
            (Moment(86_400_000, before_now=True), Moment(0, before_now=True)),
        ),
    ],
)
def test_source_chooses_groups_and_times(query, names, chosen, times):
    selection = parse_query(query).selection
    assert (selection.names, selection.filter, (selection.start, selection.end)) == (names, chosen, times)


def test_the_times_of_a_source_count(group):
    group.put(events("a", "b", "c"))
    query = f"SOURCE 'g' START={START_MS + 1} END={START_MS + 1} | fields @message"
    assert group.run(query) == [[("@message", "b")]]


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("id in (SOURCE '/beside' | filter bad = 1 | fields user)", ["1"]),
        ("id not in (SOURCE '/beside' | filter bad = 1 | fields user)", ["3", "2"]),
        ("id in (SOURCE '/beside' | stats count(*) as n by user | filter n > 1 | display user) or id = 3", ["3", "2"]),
        ("id in (SOURCE '/beside' | filter bad = 7 | fields user)", []),
        ("id in (filter id > 1 | fields id)", ["3", "2"]),
        ("id in (SOURCE '/beside' | fields user | sort @timestamp | limit 1) and id < 3", ["1"]),
    ],
)
def test_a_subquery_gives_the_values_of_a_list(group, beside, condition, found):
    group.put(events('{"id":1}', '{"id":2}', '{"id":3}', "no id"))
    beside.put(events('{"user":1,"bad":1}', '{"user":2}', '{"user":2}', "nobody"))
    assert group.run(f"filter {condition} | fields id") == [[("id", value)] for value in found]


@pytest.mark.parametrize(
    ("query", "where", "said"),
    [
        ("fields a | source 'x'", (11, 17), "source stands before all other commands"),
        ("source dataSource(['x'])", (7, 24), "SOURCE dataSource(…) is not supported by Groundwatch"),
        ("source logGroups(namePrefx: ['a'])", (17, 26), "logGroups has no option namePrefx; did you mean namePrefix?"),
        ("source logGroups(class: ['a'])", (17, 22), "unknown log group class a"),
        ("source logGroups(namePrefix: ['a','b','c','d','e','f'])", (17, 27), "namePrefix has at most 5 values"),
        ("source 'a' | source logGroups() | limit 1", (13, 31), "logGroups() chooses all log groups"),
        ("filter a in (source 'x' | filter b in (source 'y'))", (39, 49), "a subquery cannot have a subquery itself"),
        ("filter a in (source '/beside')", (13, 29), "a subquery gives one column, this one 2"),
    ],
)
def test_a_source_is_refused(group, beside, query, where, said):
    with pytest.raises(ServiceError) as refused:
        group.compile(query)
    assert str(refused.value.message).startswith(said)
    assert tuple(refused.value.members["queryCompileError"]["location"].values()) == where


class Refuses:
    """An authorizer that refuses one group."""

    def __init__(self, group: str) -> None:
        self.group = group
        self.asked: list[str] = []

    async def authorize(self, context, checks) -> None:
        self.asked += [check.resource for check in checks]
        if any(f":{self.group}:" in check.resource for check in checks):
            raise ServiceError("AccessDeniedException", "no")


@pytest.fixture
def chosen(context, event_database, sql_database, clock):
    """Run a query that chooses its groups, by somebody who may not query `/secret`."""
    room = make_room(event_database, sql_database, clock, 1_000_000, authorizer=Refuses("/secret"))
    operations = LogsOperations(room)

    async def run(query: str, **members) -> list[list[str]]:
        for name, message in (("/app/1", "one"), ("/app/2", "two"), ("/other", "three"), ("/secret", "four")):
            await operations.create_log_group(context, log_group_name=name)
            place = {"log_group_name": name, "log_stream_name": "s"}
            await operations.create_log_stream(context, **place)
            events = [{"timestamp": clock(), "message": message}]
            await operations.put_log_events(context, **place, log_events=events)
        second = clock() // 1_000
        times = {"start_time": second - 10, "end_time": second + 10}
        started = await operations.start_query(context, query_string=query, **times, **members)
        await room.queries.finished(started["queryId"])
        answer = await operations.get_query_results(context, query_id=started["queryId"])
        assert answer["status"] == "Complete"
        return [[pair["value"] for pair in row if pair["field"] != "@ptr"] for row in answer["results"]]

    return run


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SOURCE logGroups(namePrefix: ['/app/']) | fields @message | sort @message", [["one"], ["two"]]),
        ("SOURCE '/other' | SOURCE '/app/1' | pattern @message | display @sampleCount, @ratio", [["1", "0.50"]] * 2),
        ("SOURCE '/other' | SOURCE '/app/1' | fields @message | sort @message", [["one"], ["three"]]),
        ("SOURCE '/other' | filter '/x' in (SOURCE '/app/1' | fields '/x') | fields @message", [["three"]]),
    ],
)
async def test_groups_are_chosen_by_the_query(chosen, query, rows):
    assert await chosen(query) == rows


@pytest.mark.parametrize(
    ("language", "query", "rows"),
    [
        ("PPL", "source = [lg:`/other`, `/app/1`] | stats count()", [["2"]]),
        ("SQL", "SELECT COUNT(*) FROM `logGroups(logGroupIdentifier: ['/other', '/app/1'])`", [["2"]]),
        ("SQL", "SELECT `@message` FROM `/app/2`", [["two"]]),
    ],
)
async def test_other_languages_choose_groups(chosen, language, query, rows):
    assert await chosen(query, query_language=language) == rows


@pytest.mark.parametrize(
    ("query", "members", "code"),
    [
        ("SOURCE logGroups() | fields @message", {}, "AccessDeniedException"),
        ("SOURCE '/secret' | fields @message", {}, "AccessDeniedException"),
        (
            "filter a in (SOURCE '/secret' | fields b)",
            {"log_group_name": "/other"},
            "AccessDeniedException",
        ),
        ("SOURCE logGroups(namePrefix: ['/none'])", {}, "MalformedQueryException"),
        ("SOURCE logGroups(accountIdentifiers: ['123456789012'])", {}, "MalformedQueryException"),
        ("SOURCE '/none'", {}, "ResourceNotFoundException"),
        ("SOURCE '/other'", {"log_group_name": "/other"}, "InvalidParameterException"),
        ("fields source", {}, "InvalidParameterException"),
        ("source = `/secret` | fields a", {"query_language": "PPL"}, "AccessDeniedException"),
        (
            "SELECT a FROM `/other` WHERE a IN (SELECT b FROM `/secret`)",
            {"query_language": "SQL"},
            "AccessDeniedException",
        ),
    ],
)
async def test_a_choice_is_refused(chosen, query, members, code):
    with pytest.raises(ServiceError) as refused:
        await chosen(query, **members)
    assert refused.value.code == code
