"""A copy of an API's definition under ids of its own, for CreateRestApi with `cloneFrom`."""

from __future__ import annotations

from msgspec.structs import replace

from groundwatch.gateway.control.ids import SHORT, IdSource, fresh_id
from groundwatch.gateway.definition import Method, Resource, RestApi
from groundwatch.gateway.validation.schemas import model_prefix


def cloned_into(api: RestApi, source: RestApi, ids: IdSource) -> RestApi:
    """Return the new `api` with everything that `source` defines; name, tags and endpoint type are the new API's own.

    What names the source itself, references between models and ARNs in the policy, names the copy instead.
    """
    resources = {source.root_resource_id: api.root_resource_id}
    for old in source.resources:
        resources.setdefault(old, fresh_id(ids, SHORT, resources.values()))
    validators = {old: ids.identifier(SHORT) for old in source.request_validators}
    authorizers = {old: ids.identifier(SHORT) for old in source.authorizers}

    def method(value: Method) -> Method:
        integration = value.integration
        if integration is not None and integration.cache_namespace in resources:
            integration = replace(integration, cache_namespace=resources[integration.cache_namespace])
        return replace(
            value,
            integration=integration,
            authorizer_id=authorizers.get(value.authorizer_id or ""),
            request_validator_id=validators.get(value.request_validator_id or ""),
        )

    def resource(value: Resource) -> Resource:
        methods = {verb: method(held) for verb, held in value.methods.items()}
        parent_id = None if value.parent_id is None else resources[value.parent_id]
        return replace(value, id=resources[value.id], parent_id=parent_id, methods=methods)

    return replace(
        api,
        description=source.description,
        version=source.version,
        api_key_source=source.api_key_source,
        binary_media_types=list(source.binary_media_types),
        minimum_compression_size=source.minimum_compression_size,
        disable_execute_api_endpoint=source.disable_execute_api_endpoint,
        policy=_policy(api, source),
        gateway_responses=dict(source.gateway_responses),
        resources={resources[old]: resource(held) for old, held in source.resources.items()},
        request_validators={new: replace(source.request_validators[old], id=new) for old, new in validators.items()},
        authorizers={new: replace(source.authorizers[old], id=new) for old, new in authorizers.items()},
        models={
            name: replace(
                held,
                id=ids.identifier(SHORT),
                schema=(held.schema or "{}").replace(model_prefix(source.id), model_prefix(api.id)),
            )
            for name, held in source.models.items()
        },
    )


def handed_roles(api: RestApi) -> list[str | None]:
    """Return the roles that an API hands to its integrations and authorizers."""
    methods = [method for resource in api.resources.values() for method in resource.methods.values()]
    handed = [method.integration.credentials for method in methods if method.integration is not None]
    return [*handed, *(held.authorizer_credentials for held in api.authorizers.values())]


def _policy(api: RestApi, source: RestApi) -> str | None:
    if source.policy is None:
        return None
    prefix = f"arn:aws:execute-api:{source.region}:{source.account_id}:"
    return source.policy.replace(f"{prefix}{source.id}/", f"{prefix}{api.id}/")
