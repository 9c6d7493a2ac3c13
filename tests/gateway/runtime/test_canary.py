"""Requests to a stage with a canary: who answers, with which variables, and where it is logged and cached."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from groundwatch.gateway.catalog import Canary, DeployedStage
from groundwatch.gateway.definition import (
    AccessLogSettings,
    CanarySettings,
    Deployment,
    IntegrationResponse,
    MethodSetting,
)
from groundwatch.gateway.log_destinations import LogGroup
from groundwatch.gateway.runtime.compiled import DeploymentCache
from groundwatch.gateway.runtime.exchange import Target
from groundwatch.gateway.runtime.response_cache import ResponseCache
from groundwatch.gateway.runtime.stages import Arrived
from groundwatch.gateway.runtime.steps.locate import Locate

TEMPLATE = (
    '{"at":"WHO","own":"$stageVariables.own","both":"$stageVariables.both","canary":"$context.isCanaryRequest",'
    '"deployment":"$context.deploymentId"}'
)
ACCOUNT, REGION, API = "123456789012", "eu-west-1", "abcdef1234"


def answers(mock, who):
    template = TEMPLATE.replace("WHO", who)
    responses = {"200": IntegrationResponse("200", response_templates={"application/json": template})}
    return mock(integration={"responses": responses})


def with_canary(gateway, mock, percent, *, use_stage_cache=False):
    """Give the stage a canary of another deployment."""
    deployed = gateway.catalog.deployed
    settings = CanarySettings("canary1", percent, {"both": "canary"}, use_stage_cache)
    stage = msgspec.structs.replace(deployed.stage, canary_settings=settings)
    root = msgspec.structs.replace(deployed.api.resources["res0"], methods={"GET": answers(mock, "canary")})
    api = msgspec.structs.replace(deployed.api, resources={"res0": root})
    own = msgspec.structs.replace(stage, variables={**stage.variables, **settings.stage_variable_overrides})
    canary = Canary(own, Deployment("canary1", 0, api))
    gateway.catalog.deployed = DeployedStage(deployed.api, stage, deployed.deployment, canary)


@pytest.fixture
def gateway(make_gateway, mock):
    return make_gateway({"/": answers(mock, "stage")}, variables={"own": "stage", "both": "stage"})


@pytest.mark.parametrize(
    ("percent", "expected"),
    [
        (
            0.0,
            {"at": "stage", "own": "stage", "both": "stage", "canary": "false", "deployment": "dep123"},
        ),
        (
            100.0,
            {"at": "canary", "own": "stage", "both": "canary", "canary": "true", "deployment": "canary1"},
        ),
    ],
)
async def test_who_answers(gateway, mock, percent, expected):
    with_canary(gateway, mock, percent)
    assert msgspec.json.decode((await gateway.request("/")).body) == expected


async def test_a_stage_without_a_canary_says_nothing_of_it(gateway):
    assert msgspec.json.decode((await gateway.request("/")).body)["canary"] == ""


class Everybody:
    async def is_active(self, account_id):
        return True


async def test_the_percentage_is_drawn_for_each_request(gateway, mock):
    with_canary(gateway, mock, 25.0)
    draws = itertools.cycle(number / 100 for number in range(100))
    locate = Locate(gateway.catalog, Everybody(), DeploymentCache(2), lambda: next(draws))

    class Exchange:
        target = Target(API, "v1", "/", "")

    located = [await locate(Arrived(Exchange())) for _ in range(1000)]
    assert sum(each.is_canary for each in located) == 250
    assert {each.deployment.id for each in located if each.is_canary} == {"canary1"}


class Sink:
    def __init__(self):
        self.groups = []

    async def append(self, destination, stream, events):
        self.groups.append(destination)


@pytest.mark.parametrize(("percent", "suffix"), [(0.0, ""), (100.0, "/Canary")])
async def test_logs_of_the_canary_have_groups_of_their_own(gateway, mock, percent, suffix):
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:access"
    gateway.catalog.set_stage(
        method_settings={"*/*": MethodSetting(logging_level="INFO")},
        access_log_settings=AccessLogSettings(arn, "$context.requestId"),
    )
    with_canary(gateway, mock, percent)
    await gateway.request("/")
    sink = gateway.app.stage_logs._sink = Sink()
    await gateway.app.stage_logs.flush()
    names = (f"access{suffix}", f"API-Gateway-Execution-Logs_{API}/v1{suffix}")
    assert sink.groups == [LogGroup(ACCOUNT, REGION, name) for name in names]


@pytest.mark.parametrize(("shared", "seen"), [(True, "stage"), (False, "canary")])
async def test_the_canary_shares_the_cache_only_where_it_shall(gateway, mock, shared, seen):
    gateway.catalog.set_stage(cache_cluster_enabled=True, method_settings={"*/*": MethodSetting(caching_enabled=True)})
    with_canary(gateway, mock, 0.0, use_stage_cache=shared)
    assert msgspec.json.decode((await gateway.request("/")).body)["at"] == "stage"
    settings = msgspec.structs.replace(gateway.catalog.deployed.stage.canary_settings, percent_traffic=100.0)
    gateway.catalog.set_stage(canary_settings=settings)
    assert msgspec.json.decode((await gateway.request("/")).body)["at"] == seen


def test_a_flush_takes_the_part_of_the_canary_too():
    cache = ResponseCache(lambda: 0)
    for stage in ("v1", "v1/Canary", "v10"):
        cache.put(("api", stage), ("key",), msgspec.convert({"status": 200, "headers": [], "body": ""}, _Wire), 60, 0)
    cache.flush(("api", "v1"))
    assert [cache.get(("api", stage), ("key",)) is None for stage in ("v1", "v1/Canary", "v10")] == [True, True, False]


class _Wire(msgspec.Struct):
    status: int
    headers: list
    body: str
