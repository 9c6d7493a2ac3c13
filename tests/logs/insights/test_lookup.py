"""`lookup` and `cidrlookup`: columns of a lookup table beside rows."""

import pytest
from tests.logs.insights.test_commands import values

START_MS = 1_767_312_000_000
USERS = 'id,area,team,level\na,1,red,7\na,2,blue,\na,2,late,9\n"b",,"gre""en",8\n,,none,0\n'
NETWORKS = (
    "cidr,owner,site\n10.0.0.0/8,us,\n10.1.0.0/16,them,x\n10.1.2.3/32,one,\n2001:db8::/32,six,y\nnonsense,no,no\n"
    "0.0.0.0/0,rest,z\n::/0,rest6,z\n10.1.0.0/16,late,late\n"
)


@pytest.fixture
def logins(group, beside):
    messages = [
        '{"n":1,"user":"a","area":1,"ip":"10.1.2.3","team":"own"}',
        '{"n":2,"user":"a","area":2,"ip":"10.1.9.9","team":""}',
        '{"n":3,"user":"b","area":"","ip":"10.200.1.1"}',
        '{"n":4,"user":"A","ip":"2001:db8:5::1"}',
        '{"n":5,"ip":"1.2.3.4"}',
        '{"n":6,"user":"","ip":"no address"}',
        '{"n":7,"user":"z","ip":"fe80::1"}',
    ]
    group.put([{"timestamp": START_MS + n, "message": message} for n, message in enumerate(messages)])
    beside.put([{"timestamp": START_MS, "message": '{"who":"a"}'}])
    group.tables = {"users": USERS, "nets": NETWORKS}
    return group


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("lookup users id as user OUTPUT team | display n, team | sort n",
         ["1 red", "2 red", '3 gre"en', "4", "5", "6", "7"]),
        ("lookup users id as user OUTPUTNEW team | display n, team | sort n",
         ["1 own", "2 red", '3 gre"en', "4", "5", "6", "7"]),
        ("lookup users id as user, area OUTPUT team as t, level | display n, t, level | sort n | limit 3",
         ["1 red 7", "2 blue", "3"]),
        ("fields n | sort n | limit 1 | lookup users id as user OUTPUT level as l", ["1 7"]),
        ("filter n = 3 | lookup users id as user OUTPUT level | filter level > 7 | stats sum(level) as s", ["8"]),
        ("stats count(*) as c by user | lookup users id as user OUTPUTNEW team | sort c desc, user | limit 2",
         ["a 2 red", "1"]),
        ("filter n in (filter n = 1 | lookup users id as user OUTPUT area as a | fields a) | fields n", ["1"]),
        ("filter n = 1 | lookup users id as user OUTPUT level | lookup users level OUTPUT team as t | display level, t",
         ["7 red"]),
        ("cidrlookup nets ip AS cidr OUTPUT owner | display n, owner | sort n",
         ["1 one", "2 them", "3 us", "4 six", "5 rest", "6", "7 rest6"]),
        ("cidrlookup nets ip OUTPUT owner as o, site | display n, o, site | sort n | limit 2", ["1 one", "2 them x"]),
        ("filter n = 5 | cidrlookup nets ip OUTPUT owner",
         ['2026-01-02 00:00:00.004 {"n":5,"ip":"1.2.3.4"} rest']),
    ],
)  # fmt: skip
def test_columns_of_a_table_stand_beside_the_rows(logins, query, expected):
    assert [row.strip() for row in values(logins.run(query))] == expected


@pytest.mark.parametrize(
    ("query", "where", "said"),
    [
        ("lookup usres id OUTPUT team", (7, 12), "there is no lookup table called usres; did you mean users?"),
        ("lookup users ident OUTPUT team", (13, 18), "the lookup table users has no column ident"),
        ("lookup users id OUTPUT taem", (23, 27), "the lookup table users has no column taem; did you mean team?"),
        ("cidrlookup nets ip as net OUTPUT owner", (22, 25), "the lookup table nets has no column net"),
        ("cidrlookup nets a, b OUTPUT owner", (19, 20), "cidrlookup matches one field, the address"),
        ("lookup users id team", (16, 20), "unexpected symbol found team at line 1 and position 17"),
        ("dedup a | lookup users id OUTPUT team", (10, 37), "only limit may follow dedup"),
        ("stats count(*) | lookup users id OUTPUT team", (30, 32), "Unknown symbols found in or after stats: id"),
        (f"lookup users id OUTPUT {', '.join(['team'] * 101)}", None, "a lookup has at most 100 fields"),
    ],
)
def test_a_lookup_is_refused(logins, query, where, said):
    logins.assert_refused(query, where, said)
