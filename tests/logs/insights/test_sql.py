"""Queries in SQL: their answers, and their refusals."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.logs.insights.test_ppl import values
from tests.logs.insights.test_refusals import TIMES, mutated_of

from groundwatch.aws.errors import ServiceError
from groundwatch.storage.errors import StorageError

START_MS = 1_767_312_000_000


@pytest.fixture
def requests(group, beside):
    messages = [
        '{"n":1,"user":"a","ms":10,"path":"/x","o":{"p":"q"}}',
        '{"n":2,"user":"b","ms":20,"path":"/y"}',
        '{"n":3,"user":"a","path":"/x","tags":["p","q"]}',
        '{"n":4,"user":"a","ms":30,"path":"/x"}',
        '{"n":5,"ms":1000,"path":"/z"}',
    ]
    group.put([{"timestamp": START_MS + n * 60_000, "message": message} for n, message in enumerate(messages)])
    beside.put([{"timestamp": START_MS, "message": '{"id":"a","team":"red"}'}])
    return group


CASES = [
    ("SELECT n FROM `g` ORDER BY n LIMIT 2", ["1", "2"]),
    ("select n, ms as m from `g` where ms > 15 order by m desc", ["5 1000", "4 30", "2 20"]),
    ("SELECT n FROM `g` ORDER BY 1 DESC LIMIT 2 OFFSET 1", ["4", "3"]),
    ("SELECT t.n FROM `g` AS t WHERE t.user = 'a' AND t.ms IS NOT NULL ORDER BY t.n", ["1", "4"]),
    ("SELECT n FROM `g` WHERE user IS NULL OR n IN (1, 9) ORDER BY n", ["1", "5"]),
    ("SELECT n FROM `g` WHERE path LIKE '/_' AND n NOT BETWEEN 2 AND 4 ORDER BY n", ["1", "5"]),
    ("SELECT n FROM `g` WHERE path NOT LIKE '%x' AND user <> 'c'", ["2"]),
    ("SELECT n FROM `g` WHERE path RLIKE '[yz]$' ORDER BY n", ["2", "5"]),
    ("SELECT `o.p` FROM `g` WHERE n = 1 -- a comment", ["q"]),
    ("SELECT user, COUNT(*) AS c, AVG(ms) FROM `g` GROUP BY user ORDER BY c DESC, user",
     ["a 3 20", "1 1000", "b 1 20"]),
    ("SELECT path p, SUM(ms) / COUNT(*) FROM `g` GROUP BY p HAVING COUNT(*) > 1", ["/x 13.3333"]),
    ("SELECT upper(user) AS u, max(n) - min(n) AS d FROM `g` GROUP BY upper(user) HAVING d > 0", ["A 3"]),
    ("SELECT COUNT(DISTINCT user) FROM `g`", ["2"]),
    ("SELECT COUNT(*) FROM `g` WHERE n > 9", []),
    ("SELECT DISTINCT path FROM `g` ORDER BY path", ["/x", "/y", "/z"]),
    ("SELECT date_trunc('minute', `@timestamp`) AS m, count(*) AS c FROM `g` WHERE n < 3 GROUP BY 1 ORDER BY 1",
     ["2026-01-02 00:00:00.000 1", "2026-01-02 00:01:00.000 1"]),
    ("SELECT n FROM `g` WHERE `@timestamp` >= '2026-01-02 00:03:00' ORDER BY n", ["4", "5"]),
    ("SELECT n FROM `g` WHERE `@timestamp` BETWEEN timestamp '2026-01-02 00:01:00' AND '2026-01-02 00:02' ORDER BY n",
     ["2", "3"]),
    ("SELECT CASE WHEN n > 4 THEN 'big' WHEN n > 2 THEN 'mid' ELSE 'small' END AS s FROM `g` ORDER BY n LIMIT 3",
     ["small", "small", "mid"]),
    ("SELECT CASE user WHEN 'a' THEN 1 END AS s FROM `g` ORDER BY n LIMIT 2", ["1", ""]),
    ("SELECT CAST(ms AS STRING) AS a, CAST('12' AS INT) + 1 AS b FROM `g` WHERE n = 1", ["10 13"]),
    ("SELECT substring(path, 2) AS a, concat(user, '-', n) AS b, coalesce(x, 'z') AS c, NULL AS d FROM `g` WHERE n = 1",
     ["x a-1 z"]),
    ("SELECT regexp_extract(path, '/(.)', 1) AS a, replace(path, '/', '') AS b, trim(' x ') AS c FROM `g` WHERE n = 1",
     ["x x x"]),
    ("SELECT get_json_object(`@message`, '$.o.p') AS a, size(tags) AS b FROM `g` WHERE n = 1", ["q"]),
    ("SELECT array_contains(tags, 'q') AS a, split(path, '/') AS b FROM `g` WHERE n = 3", ['1 ["","x"]']),
    ("SELECT year(`@timestamp`) a, date_add(`@timestamp`, 2) b, datediff(b, `@timestamp`) c FROM `g` WHERE n = 1",
     ["2026 2026-01-04 00:00:00.000 2"]),
    ("SELECT last_day(`@timestamp`) AS a, date_format(`@timestamp`, 'dd.MM.') AS b FROM `g` WHERE n = 1",
     ["2026-01-31 00:00:00.000 02.01."]),
    ("SELECT n, ROW_NUMBER() OVER (PARTITION BY user ORDER BY n DESC) AS r FROM `g` WHERE user = 'a' ORDER BY n",
     ["1 3", "3 2", "4 1"]),
    ("SELECT n, LAG(n) OVER (ORDER BY n) AS l, LEAD(n, 2) OVER (ORDER BY n) AS d FROM `g` ORDER BY n LIMIT 3",
     ["1 3", "2 1 4", "3 2 5"]),
    ("SELECT n, SUM(ms) OVER (ORDER BY n) s, COUNT(*) OVER () c FROM `g` ORDER BY n LIMIT 2", ["1 10 5", "2 30 5"]),
    ("SELECT user, RANK() OVER (ORDER BY COUNT(*) DESC) AS r FROM `g` WHERE n < 5 GROUP BY user ORDER BY r",
     ["a 1", "b 2"]),
    ("SELECT l.n, r.team FROM `g` l JOIN `/beside` r ON l.user = r.id ORDER BY l.n", ["1 red", "3 red", "4 red"]),
    ("SELECT r.team, COUNT(*) c FROM `g` l LEFT OUTER JOIN `/beside` AS r ON r.id = l.user GROUP BY r.team ORDER BY c",
     ["2", "red 3"]),
    ("SELECT n FROM `g` WHERE user IN (SELECT id FROM `/beside` WHERE team = 'red') ORDER BY n", ["1", "3", "4"]),
    ("SELECT n FROM `g` WHERE user NOT IN (SELECT b.id FROM `/beside` b)", ["2"]),
    ("SELECT u, c FROM (SELECT user AS u, COUNT(*) AS c FROM `g` GROUP BY user) AS t WHERE t.c > 1", ["a 3"]),
    ("SELECT n FROM `g` WHERE n < 3 UNION ALL SELECT n FROM `g` WHERE n = 2 ORDER BY n", ["1", "2", "2"]),
    ("SELECT n FROM `g` WHERE n < 3 UNION SELECT n FROM `g` WHERE n = 2 ORDER BY 1 DESC LIMIT 1", ["2"]),
    ("SELECT user AS who, COUNT(*) AS c FROM `g` GROUP BY user UNION SELECT team, level FROM `/beside` ORDER BY c, who",
     ["red", "1", "b 1", "a 3"]),
    ("SELECT n FROM `g` UNION ALL SELECT id FROM `/beside` ORDER BY n LIMIT 2 OFFSET 4", ["4", "5"]),
    ("SELECT n FROM `g` WHERE n = 5 UNION SELECT n FROM `g` WHERE user IN (SELECT id FROM `/beside`) ORDER BY n",
     ["1", "3", "4", "5"]),
    ("SELECT n FROM `g` WHERE EXISTS (SELECT 1 FROM `/beside` WHERE team = 'red') AND n < 3 ORDER BY n", ["1", "2"]),
    ("SELECT n FROM `g` WHERE EXISTS (SELECT 1 FROM `/beside` WHERE team = 'green')", []),
    ("SELECT n FROM `g` x WHERE EXISTS (SELECT 1 FROM `/beside` y WHERE y.id = x.user AND y.team = 'red') ORDER BY n",
     ["1", "3", "4"]),
    ("SELECT n FROM `g` x WHERE NOT EXISTS (SELECT * FROM `/beside` WHERE x.user = id) ORDER BY n", ["2", "5"]),
    ("SELECT n FROM `g` x WHERE n NOT IN (SELECT n FROM `g` y WHERE y.path = x.path AND y.n < 4)", ["5", "4"]),
    ("SELECT n FROM `g` WHERE ms > (SELECT AVG(ms) FROM `g` WHERE n < 5) ORDER BY n", ["4", "5"]),
    ("SELECT n, (SELECT team FROM `/beside` LIMIT 1) AS t FROM `g` WHERE n = (SELECT MIN(n) FROM `g`)", ["1 red"]),
    ("SELECT n FROM `g` WHERE ms > (SELECT MAX(ms) FROM `g` WHERE n > 7)", []),
    ("SELECT * FROM `g` WHERE n = 2;", ['2026-01-02 00:01:00.000 {"n":2,"user":"b","ms":20,"path":"/y"}']),
]  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), CASES)
def test_a_query_has_its_answer(requests, query, expected):
    assert values(requests.run(query, language="SQL")) == expected


@pytest.mark.parametrize(
    ("query", "where", "said"),
    [
        ("SELET a FROM `g`", (0, 5), "unknown command SELET; did you mean select?"),
        ("DELETE FROM `g`", (0, 6), "the command DELETE is not supported by Groundwatch"),
        ("SELECT a FORM `g`", (14, 17), "unexpected symbol found `"),
        ("SELECT a FROM `g` WERE a = 1", (23, 24), "unexpected symbol found a"),
        ("SELECT a FROM `g` WHERE a = 1 ODER BY a", (30, 34), "unexpected symbol found ODER at line 1"),
        ("SELECT a FROM `g` ODER BY a", (23, 25), "unexpected symbol found BY at line 1 and position 24"),
        ("SELECT lenght(a) FROM `g`", (7, 16), "unknown function lenght; did you mean length?"),
        ("SELECT a, COUNT(*) FROM `g`", (7, 8), "a is neither grouped by nor within an aggregate"),
        ("SELECT * FROM `g` GROUP BY a", None, "SELECT * cannot be grouped"),
        ("SELECT a FROM `g` HAVING a > 1", (25, 30), "HAVING needs GROUP BY or an aggregate"),
        ("SELECT a FROM `g` ORDER BY 2", (27, 28), "there is no column of that number"),
        ("SELECT a FROM `g` WHERE COUNT(*) > 1", (24, 32), "count is an aggregate"),
        ("SELECT a FROM `dataSource(['x'])`", (14, 33), "the source dataSource(…) of this form is not supported"),
        ("SELECT a FROM `g` x RIGHT JOIN `h` y ON x.a = y.b", None, "RIGHT JOIN is not supported by Groundwatch"),
        ("SELECT a FROM `g` JOIN `h` ON a = b", None, "both sides of a JOIN have a name"),
        ("SELECT a FROM `g` x WHERE a IN (SELECT b FROM `h` WHERE c > x.a)", (60, 63), "a field of the outer query"),
        ("SELECT a FROM `g` x WHERE EXISTS (SELECT x.a FROM `h`)", (41, 44), "a field of the outer query, but in"),
        ("SELECT a FROM `g` x WHERE a = (SELECT b FROM `h`)", (31, 48), "a subquery that stands for a value gives one"),
        ("SELECT a FROM `g` x WHERE a = (SELECT DISTINCT b FROM `h`)", (31, 57), "a subquery that stands for a value"),
        ("SELECT a FROM `g` x WHERE a = (SELECT b FROM `h` WHERE c = x.c LIMIT 1)", (59, 62), "a field of the outer"),
        ("SELECT a FROM `g` x WHERE EXISTS (SELECT COUNT(*) FROM `h` WHERE a = x.a)", (69, 72),
         "a field of the outer query in a subquery that groups"),
        ("SELECT a FROM `g` x WHERE EXISTS (SELECT b FROM (SELECT c FROM `h`))", None, "a subquery cannot have a"),
        ("SELECT a FROM `g` UNION SELECT a, b FROM `g`", (24, 44), "both sides of UNION have as many columns"),
        ("SELECT a FROM `g` LIMIT 3 UNION SELECT a FROM `g`", (18, 25), "ORDER BY and LIMIT stand behind the last"),
        ("SELECT a FROM `g` UNION SELECT a FROM `g` ORDER BY 2", (51, 52), "there is no column of that number"),
        ("SELECT a FROM `g` UNION SELECT a FROM `g` ORDER BY b", (51, 52), "Unknown symbols found"),
        ("SELECT SUM(DISTINCT a) FROM `g`", (7, 22), "DISTINCT stands in COUNT(DISTINCT field) alone"),
        ("SELECT md5(a) OVER (ORDER BY a) FROM `g`", None, "md5 cannot be computed over a window"),
        ("SELECT to_timestamp(a, 'zzz') FROM `g`", (24, 27), "to_timestamp does not support zzz, at character 1"),
        ("SELECT date_format(a, 'yyyy\\'Q\\'Q') FROM `g`", (22, 34), "date_format does not support Q, at character 8"),
        ("SELECT CAST(a AS itn) FROM `g`", (7, 21), "unknown type itn; did you mean int?"),
        ("SELECT a FROM `g` LIMIT 0", (24, 25), "an integer between 1 and 100000 is expected"),
        ("SELECT a + INTERVAL '²' DAY FROM `g`", (11, 27), "an interval is written INTERVAL 1 DAY"),
        ("SELECT regexp_extract(a, '(.)', '²') FROM `g`", (32, 35), "the number of the group is a constant"),
    ],
)  # fmt: skip
def test_a_query_is_refused(group, query, where, said):
    group.assert_refused(query, where, said, language="SQL")


PIECES = (
    "GROUP BY a",
    "ORDER BY 1",
    "LIMIT 3",
    "COUNT(*)",
    "OVER (ORDER BY n)",
    "SELECT",
    "FROM `g`",
    "IS NULL",
    "DISTINCT",
    "UNION SELECT a FROM `g`",
    "UNION ALL",
    "(SELECT MAX(a) FROM `g`)",
    "EXISTS (SELECT a FROM `g` y WHERE y.a = x.a)",
    *TIMES,
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(query=mutated_of([query for query, _ in CASES], PIECES))
def test_a_mutated_query_has_a_result_or_is_refused(requests, query):
    try:
        compiled = requests.compile(query, language="SQL")
    except ServiceError as refused:
        assert refused.code == "MalformedQueryException"
        return
    try:
        requests.rows(compiled.sql, compiled.parameters)
    except StorageError as error:
        raise AssertionError(f"{query!r} became a statement that fails:\n{compiled.sql}") from error


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(max_size=60))
def test_any_text_is_a_query_or_refused(group, text):
    try:
        group.compile(text, language="SQL")
    except ServiceError as refused:
        assert refused.code == "MalformedQueryException"
