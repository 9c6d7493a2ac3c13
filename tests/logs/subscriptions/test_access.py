"""What each operation is checked against: the service authorization reference, and denials that were seen."""

import pytest

from groundwatch.aws.context import AccessCheck
from groundwatch.logs.access import logs_access

PASS_KEYS = {"iam:PassedToService": ["logs.amazonaws.com"]}
ROLE = "arn:aws:iam::{}:role/ship"
DESTINATION = "arn:aws:logs:us-east-1:{}:destination:d"
KIND = {"policyType": "SUBSCRIPTION_FILTER_POLICY"}


@pytest.mark.parametrize(
    ("operation", "params", "expected"),
    [
        (
            "PutSubscriptionFilter",
            {"logGroupName": "g", "roleArn": ROLE},
            [
                ("logs:PutSubscriptionFilter", "arn:aws:logs:us-east-1:{}:log-group:g:log-stream:"),
                ("iam:PassRole", ROLE),
            ],
        ),
        (
            "PutSubscriptionFilter",
            {"logGroupName": "g"},
            [("logs:PutSubscriptionFilter", "arn:aws:logs:us-east-1:{}:log-group:g:log-stream:")],
        ),
        (
            "DescribeSubscriptionFilters",
            {"logGroupName": "g"},
            [("logs:DescribeSubscriptionFilters", "arn:aws:logs:us-east-1:{}:log-group:g:log-stream:")],
        ),
        (
            "PutDestination",
            {"destinationName": "d", "roleArn": ROLE},
            [("logs:PutDestination", DESTINATION), ("iam:PassRole", ROLE)],
        ),
        ("PutDestinationPolicy", {"destinationName": "d"}, [("logs:PutDestinationPolicy", DESTINATION)]),
        ("DeleteDestination", {"destinationName": "d"}, [("logs:DeleteDestination", DESTINATION)]),
        ("DescribeDestinations", {}, [("logs:DescribeDestinations", "*")]),
        (
            "PutAccountPolicy",
            KIND | {"policyDocument": '{"RoleArn": "arn:aws:iam::{}:role/ship"}'},
            [
                ("logs:PutAccountPolicy", "*"),
                ("logs:PutSubscriptionFilter", "arn:aws:logs:us-east-1:{}:log-group:*"),
                ("iam:PassRole", ROLE),
            ],
        ),
        (
            "PutAccountPolicy",
            KIND | {"policyDocument": "{"},
            [
                ("logs:PutAccountPolicy", "*"),
                ("logs:PutSubscriptionFilter", "arn:aws:logs:us-east-1:{}:log-group:*"),
            ],
        ),
        ("PutAccountPolicy", {"policyType": "RETENTION_POLICY"}, [("logs:PutAccountPolicy", "*")]),
        (
            "DeleteAccountPolicy",
            KIND,
            [
                ("logs:DeleteAccountPolicy", "*"),
                ("logs:DeleteSubscriptionFilter", "arn:aws:logs:us-east-1:{}:log-group:*"),
            ],
        ),
        ("PutResourcePolicy", {"policyName": "p"}, [("logs:PutResourcePolicy", "*")]),
        ("PutQueryDefinition", {"name": "q"}, [("logs:PutQueryDefinition", "*")]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_checks(context, operation, params, expected):
    account = context.account_id
    filled = {name: value.replace("{}", account) for name, value in params.items()}
    checks = logs_access(operation, filled, context)
    assert list(checks) == [
        AccessCheck(action, resource.replace("{}", account), PASS_KEYS if action == "iam:PassRole" else {})
        for action, resource in expected
    ]
