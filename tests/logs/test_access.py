"""What requests with tags, and for what is masked, are checked with."""

import pytest

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.access import logs_access

GROUP_ARN = "arn:aws:logs:us-east-1:100000000001:log-group:g"


@pytest.mark.parametrize(
    ("operation", "params", "keys"),
    [
        pytest.param(
            "TagLogGroup",
            {"logGroupName": "g", "tags": {"team": "shop"}},
            {"aws:RequestTag/team": ["shop"], "aws:TagKeys": ["team"]},
            id="tags that come with values are requested",
        ),
        pytest.param(
            "UntagLogGroup",
            {"logGroupName": "g", "tags": ["team"]},
            {"aws:TagKeys": ["team"]},
            id="the older operation names its keys tags too",
        ),
        pytest.param(
            "UntagResource",
            {"resourceArn": GROUP_ARN, "tagKeys": ["team"]},
            {"aws:TagKeys": ["team"]},
            id="the newer one calls them tagKeys",
        ),
        pytest.param("DeleteLogGroup", {"logGroupName": "g"}, {}, id="without tags there are no keys"),
    ],
)
def test_keys_of_tags(context, operation, params, keys):
    (check,) = logs_access(operation, params, context)
    assert check.keys == keys


@pytest.mark.parametrize("operation", ["GetLogEvents", "FilterLogEvents"])
@pytest.mark.parametrize(("unmask", "further"), [(True, ["logs:Unmask"]), (False, []), (None, [])])
def test_unmask_needs_its_own_permission(context, operation, unmask, further):
    params = {"logGroupName": "g", "logStreamName": "s"} | ({} if unmask is None else {"unmask": unmask})
    checks = logs_access(operation, params, context)
    assert [check.action for check in checks] == [f"logs:{operation}", *further]
    assert {check.resource.rpartition(":")[0] for check in checks[1:]} <= {
        f"arn:aws:logs:{context.region}:{context.account_id}:log-group:g:log-stream"
    }


def test_a_group_named_twice_must_be_allowed_both_times(context):
    """The operation refuses such a request; a service elsewhere, asked in its place, may look at the other name."""
    params = {"logGroupName": "g", "logGroupIdentifier": "other"}
    checks = logs_access("FilterLogEvents", params, context)
    groups = [check.resource.partition("log-group:")[2].partition(":")[0] for check in checks]
    assert (groups, {check.action for check in checks}) == (["g", "other"], {"logs:FilterLogEvents"})


@pytest.mark.parametrize(
    ("params", "groups"),
    [
        ({"logGroupName": "a", "queryString": "fields x"}, ["a"]),
        ({"logGroupNames": ["a", "b"], "queryString": "fields x"}, ["a", "b"]),
        ({"queryString": "SOURCE 'a' | fields x"}, ["a"]),
        ({"logGroupName": "a", "queryString": "filter x in (SOURCE 'b' | fields y)"}, ["a", "b"]),
        ({"logGroupName": "a", "queryString": "join left=l right=r where l.a = r.b (SOURCE 'b')"}, ["a", "b"]),
        ({"queryString": "SELECT * FROM `a` UNION SELECT * FROM `b`", "queryLanguage": "SQL"}, ["a", "b"]),
        ({"logGroupName": "a", "queryString": "where x in [source=b | fields y]", "queryLanguage": "PPL"}, ["a", "b"]),
        # The operation finds these, and asks for each.
        ({"queryString": "SOURCE logGroups(namePrefix: ['a'])"}, []),
        # Words of a query that look like a choice of groups are none.
        ({"queryString": "filter source = 1"}, ["*"]),
    ],
)
def test_every_group_that_a_query_names_is_asked_for(context, params, groups):
    """Also where the query is run elsewhere and by nobody's permission but this one (--upstream-credentials own)."""
    checks = logs_access("StartQuery", params, context)
    assert [check.resource.partition("log-group:")[2].partition(":")[0] or check.resource for check in checks] == groups


def test_a_query_that_reads_a_lookup_table_needs_permission_on_it(context):
    text = "lookup users id OUTPUT team | filter a in (cidrlookup nets ip OUTPUT a | fields a)"
    checks = logs_access("StartQuery", {"logGroupName": "g", "queryString": text}, context)
    place = f"arn:aws:logs:{context.region}:{context.account_id}:lookup-table:"
    assert [(check.action, check.resource) for check in checks[1:]] == [
        ("logs:GetLookupTable", place + "users"),
        ("logs:GetLookupTable", place + "nets"),
    ]


@pytest.mark.parametrize(
    ("query", "groups"),
    [
        ("fields @timestamp, unmask(@message)", ["g"]),
        ("filter a in (SOURCE 'b' | fields UNMASK(c))", ["g", "b"]),
        ("filter a in (SOURCE logGroups(namePrefix: ['b']) | fields unmask(c))", ["g", "*"]),
        ("fields unmasked", []),
    ],
)
def test_a_query_that_unmasks_needs_its_permission_on_every_group(context, query, groups):
    checks = logs_access("StartQuery", {"logGroupName": "g", "queryString": query}, context)
    unmasked = [check.resource for check in checks if check.action == "logs:Unmask"]
    assert [resource.partition("log-group:")[2].partition(":")[0] or resource for resource in unmasked] == groups


@pytest.mark.parametrize("operation", ["GetLookupTable", "UpdateLookupTable", "DeleteLookupTable"])
def test_lookup_tables_are_resources_of_their_own(context, operation):
    arn = f"arn:aws:logs:{context.region}:{context.account_id}:lookup-table:users"
    (check,) = logs_access(operation, {"lookupTableArn": arn}, context)
    (made,) = logs_access("CreateLookupTable", {"lookupTableName": "users", "tableBody": "a"}, context)
    assert (check.resource, made.resource) == (arn, arn)


def test_a_query_that_cannot_be_read_cannot_be_authorized(context):
    with pytest.raises(ServiceError, match="unknown command"):
        logs_access("StartQuery", {"queryString": "SOURCE 'a' | secrets"}, context)


@pytest.mark.parametrize("operation", ["TagResource", "UntagResource", "ListTagsForResource"])
@pytest.mark.parametrize(
    ("written", "checked"),
    [
        ("arn:aws:logs:us-east-1:1:log-group:g", "arn:aws:logs:us-east-1:1:log-group:g"),
        ("arn:aws-cn:logs:us-east-1:1:log-group:g", "arn:aws:logs:us-east-1:1:log-group:g"),
        ("arn:other:logs:us-east-1:1:destination:d", "arn:aws:logs:us-east-1:1:destination:d"),
    ],
)
def test_policies_see_one_arn_however_its_partition_is_written(context, operation, written, checked):
    """A Deny names the ARN that this server prints: another spelling of it must not get past."""
    (check,) = logs_access(operation, {"resourceArn": written}, context)
    assert check.resource == checked


def test_policies_see_one_arn_of_a_lookup_table(context):
    (check,) = logs_access("GetLookupTable", {"lookupTableArn": "arn:aws-x:logs:us-east-1:1:lookup-table:t"}, context)
    assert check.resource == "arn:aws:logs:us-east-1:1:lookup-table:t"


@pytest.mark.parametrize(
    ("operation", "member"), [("TagResource", "resourceArn"), ("GetLookupTable", "lookupTableArn")]
)
def test_a_name_is_no_arn(context, operation, member):
    """Checked as it is, no policy but one on everything would be about it, and none could deny it."""
    with pytest.raises(ServiceError, match="'g' is not an ARN") as refused:
        logs_access(operation, {member: "g"}, context)
    assert refused.value.code == "InvalidParameterException"
