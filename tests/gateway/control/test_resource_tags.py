"""The tags of which policies decide on a call of the control plane."""

import pytest

from groundwatch.gateway.access import apigateway_access
from groundwatch.gateway.resource_tags import GatewayTags

ARN = "arn:aws:apigateway:us-east-1::"
CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/c"
BALANCER = "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/net/inner/1"


@pytest.fixture
async def tagged(operations, context):
    """An API with a stage, a key and a plan, all tagged; their ids."""
    api = await operations.create_rest_api(context, name="a", tags={"team": "red", "env": "dev"})
    place = {"rest_api_id": api["id"], "resource_id": api["rootResourceId"], "http_method": "GET"}
    await operations.put_method(context, **place, authorization_type="NONE")
    await operations.put_integration(context, **place, type="MOCK")
    made = await operations.create_deployment(context, rest_api_id=api["id"])
    await operations.create_stage(
        context, rest_api_id=api["id"], stage_name="v1", deployment_id=made["id"], tags={"env": "live"}
    )
    key = await operations.create_api_key(context, name="k", tags={"team": "keys"})
    plan = await operations.create_usage_plan(context, name="p", tags={"team": "plans"})
    await operations.create_domain_name(
        context, domain_name="api.example.com", regional_certificate_arn=CERTIFICATE, tags={"team": "names"}
    )
    link = await operations.create_vpc_link(context, name="l", target_arns=[BALANCER], tags={"team": "links"})
    certificate = await operations.generate_client_certificate(context, tags={"team": "certificates"})
    ids = {"link": link["id"], "certificate": certificate["clientCertificateId"]}
    return {"api": api["id"], "key": key["id"], "plan": plan["id"], **ids}


OF_API, OF_STAGE = {"team": "red", "env": "dev"}, {"team": "red", "env": "live"}
CALLS = [
    pytest.param("GetRestApi", {"restApiId": "{api}"}, OF_API, id="an API"),
    pytest.param(
        "PutMethod", {"restApiId": "{api}", "resourceId": "r", "httpMethod": "GET"}, OF_API, id="what is below an API"
    ),
    pytest.param("GetStages", {"restApiId": "{api}"}, OF_API, id="the stages of an API"),
    pytest.param("UpdateStage", {"restApiId": "{api}", "stageName": "v1"}, OF_STAGE, id="a stage, over its API"),
    pytest.param("FlushStageCache", {"restApiId": "{api}", "stageName": "v1"}, OF_STAGE, id="what is below a stage"),
    pytest.param("GetStage", {"restApiId": "{api}", "stageName": "v2"}, OF_API, id="a stage that is not there"),
    pytest.param("GetApiKey", {"apiKey": "{key}"}, {"team": "keys"}, id="a key"),
    pytest.param("UpdateUsagePlan", {"usagePlanId": "{plan}"}, {"team": "plans"}, id="a plan"),
    pytest.param("GetUsage", {"usagePlanId": "{plan}"}, {"team": "plans"}, id="what is below a plan"),
    pytest.param("TagResource", {"resourceArn": f"{ARN}/restapis/{{api}}"}, OF_API, id="tagging an API"),
    pytest.param("GetTags", {"resourceArn": f"{ARN}/restapis/{{api}}/stages/v1"}, OF_STAGE, id="tags of a stage"),
    pytest.param("GetDomainName", {"domainName": "api.example.com"}, {"team": "names"}, id="a domain"),
    pytest.param(
        "GetBasePathMappings", {"domainName": "api.example.com"}, {"team": "names"}, id="what is below a domain"
    ),
    pytest.param("GetVpcLink", {"vpcLinkId": "{link}"}, {"team": "links"}, id="a link"),
    pytest.param(
        "GetClientCertificate", {"clientCertificateId": "{certificate}"}, {"team": "certificates"}, id="a certificate"
    ),
    pytest.param("GetVpcLink", {"vpcLinkId": "nope"}, {}, id="an unknown link"),
    pytest.param("GetDomainName", {"domainName": "other.example.com"}, {}, id="an unknown domain"),
    pytest.param("GetRestApis", {}, {}, id="no API"),
    pytest.param("GetRestApi", {"restApiId": "nope"}, {}, id="an unknown API"),
    pytest.param("GetApiKey", {"apiKey": "nope"}, {}, id="an unknown key"),
    pytest.param("GetUsagePlan", {"usagePlanId": "nope"}, {}, id="an unknown plan"),
    pytest.param("GetAccount", {}, {}, id="the account"),
]


@pytest.mark.parametrize(("operation", "params", "tags"), CALLS)
async def test_tags_of_what_a_call_is_about(operation, params, tags, tagged, store, context):
    given = {name: value.format(**tagged) for name, value in params.items()}
    check, *_ = apigateway_access(operation, given, context)
    assert await GatewayTags(store).tags_of(context, check.resource) == tags


async def test_another_account_has_none(tagged, store, stranger):
    found = await GatewayTags(store).tags_of(stranger, f"{ARN}/restapis/{tagged['api']}")
    assert found == {}
