"""Which tags are refused, wherever they are given."""

import pytest

from groundwatch.aws.errors import ServiceError

RESERVED = "Invalid tag key. Tag keys cannot start with 'aws:' (case insensitive)"
BALANCER = "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/net/inner/1"
FAULTS = [
    pytest.param({"aws:x": "1"}, RESERVED, id="reserved"),
    pytest.param({"AWS:x": "1"}, RESERVED, id="reserved in any case"),
    pytest.param({"": "1"}, "Invalid tag key. Tag keys must have 1 to 128 characters", id="no key"),
    pytest.param({"k" * 129: "1"}, "Invalid tag key. Tag keys must have 1 to 128 characters", id="a long key"),
    pytest.param({"k": "v" * 257}, "Invalid tag value. Tag values can have at most 256 characters", id="a long value"),
    pytest.param({str(n): "1" for n in range(51)}, "A resource can have at most 50 tags", id="too many"),
]


@pytest.mark.parametrize(("tags", "message"), FAULTS)
async def test_tags_of_an_api(operations, context, api, tags, message):
    for call in (
        operations.create_rest_api(context, name="a", tags=tags),
        operations.tag_resource(context, resource_arn=f"arn:aws:apigateway:us-east-1::/restapis/{api.id}", tags=tags),
    ):
        with pytest.raises(ServiceError) as caught:
            await call
        assert (caught.value.code, caught.value.message) == ("BadRequestException", message)


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("create_api_key", {"name": "k"}),
        ("create_usage_plan", {"name": "p"}),
        ("create_domain_name", {"domain_name": "api.example.com"}),
        ("create_vpc_link", {"name": "l", "target_arns": [BALANCER]}),
        ("generate_client_certificate", {}),
    ],
)
async def test_every_kind_of_resource_has_the_rules(operations, context, operation, members):
    with pytest.raises(ServiceError, match="Tag keys cannot start with 'aws:'"):
        await getattr(operations, operation)(context, **members, tags={"aws:x": "1"})


async def test_a_stage_has_the_rules(api):
    await api.put_mock_method()
    made = await api.call("create_deployment")
    with pytest.raises(ServiceError, match="at most 50 tags"):
        await api.call(
            "create_stage", stage_name="s", deployment_id=made["id"], tags={str(number): "" for number in range(51)}
        )


async def test_the_most_that_a_resource_may_have(operations, context):
    tags = {"k" * 125 + str(number): "v" * 256 for number in range(100, 150)}
    assert (await operations.create_rest_api(context, name="a", tags=tags))["tags"] == tags
