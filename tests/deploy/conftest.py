"""Definitions, read as `groundwatch deploy` reads them."""

from pathlib import Path

import msgspec
import pytest

from groundwatch.deploy.assemble import Running, RunningRole, Wanted, stack_of
from groundwatch.deploy.definition import Definition, read_definition
from groundwatch.deploy.stack import (
    AccessLogPlan,
    DomainPlan,
    KeyPlan,
    LogGroupPlan,
    MetricFilterPlan,
    StagePlan,
    UsagePlanPlan,
)
from groundwatch.gateway.definition import MethodSetting, Quota, Throttle

ACCOUNT = "000000000000"
HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"
ORDERS = "arn:aws:logs:*:000000000000:log-group:/svc/orders:*"

RUNNING = Running(
    stage=StagePlan(
        "live",
        "for customers",
        {"head": "true"},
        {
            "*/*": MethodSetting(throttling_rate_limit=5.0, logging_level="ERROR"),
            "orders/GET": MethodSetting(caching_enabled=True, cache_ttl_in_seconds=60),
        },
        AccessLogPlan("/access/customers", '$context.requestId "$context.path" ${x}', 7),
        "0.5",
    ),
    roles={
        "orders": RunningRole(
            {"Version": "2012-10-17", "Statement": []},
            {"own": {"Statement": [{"Effect": "Allow", "Action": "logs:Get*", "Resource": ORDERS}]}},
            ["arn:aws:iam::aws:policy/CloudWatchLogsReadOnlyAccess"],
        )
    },
    keys=[KeyPlan("acme.com"), KeyPlan("acme-com", "a second one", enabled=False)],
    usage_plans=[
        UsagePlanPlan(
            "gold",
            ["acme.com", "acme-com"],
            "for the best",
            Throttle(20, 10.0),
            Quota(1000, "MONTH", 1),
            {"/orders/GET": Throttle(2, 1.0)},
        )
    ],
    log_groups=[LogGroupPlan("/svc/orders", 14), LogGroupPlan("/svc/#odd")],
    metric_filters=[
        MetricFilterPlan("/svc/orders", "errors", "%ERROR|${x}%", "Errors", "Orders", "1", 0.0, "Count"),
        MetricFilterPlan(
            "/svc/orders", "slow", "{ $.ms > 5 }", "Slow", "Orders", "$.ms", dimensions={"path": "$.path"}
        ),
    ],
    domain=DomainPlan("logs.example.com", None, "v1"),
)
"""What a server may know, with names that need care."""

EVIL = """${file("/etc/passwd")} %{if true}'"\n{{"""
HOSTILE = Running(
    stage=msgspec.structs.replace(
        RUNNING.stage, description=EVIL, variables={"v": EVIL}, access_log=AccessLogPlan("/a", EVIL, 7)
    ),
    roles={"orders": RunningRole({"Statement": [{"Sid": EVIL}]}, {EVIL: {"Statement": [{"Condition": {EVIL: EVIL}}]}})},
    keys=[KeyPlan(EVIL, EVIL)],
    usage_plans=[UsagePlanPlan(EVIL, [EVIL], EVIL)],
    metric_filters=[MetricFilterPlan("/svc/orders", EVIL, EVIL, EVIL, EVIL, EVIL, dimensions={EVIL: EVIL})],
    alarms=[{"AlarmName": EVIL, "AlarmDescription": EVIL, "Dimensions": [{"Name": EVIL, "Value": EVIL}]}],
)
"""Texts that mean something to Terraform, wherever users may write what they like."""


def read(path: Path) -> Definition:
    return read_definition(path.read_bytes(), ACCOUNT, "us-east-1", lambda _policy: None)


@pytest.fixture
def rich() -> Definition:
    return read(HERE / "rich.yaml")


CASES = [
    pytest.param((EXAMPLES / "logs-api.yaml", Running()), id="the bundled API"),
    pytest.param((EXAMPLES / "get-log-events.yaml", Running()), id="the example"),
    pytest.param((HERE / "rich.yaml", Running()), id="a rich definition, alone"),
    pytest.param((HERE / "rich.yaml", RUNNING), id="a rich definition with what a server knows"),
    pytest.param(
        (
            HERE / "rich.yaml",
            msgspec.structs.replace(
                RUNNING, domain=DomainPlan("logs.example.com", "arn:aws:acm:us-east-1:123456789012:certificate/x")
            ),
        ),
        id="a domain with its certificate",
    ),
]


@pytest.fixture(params=CASES)
def stack(request):
    """Every stack that the writers must write well."""
    path, running = request.param
    return stack_of(read(path), running, Wanted("live"))
