"""Definitions made comparable."""

from __future__ import annotations

from msgspec.structs import replace

OWN = ("id", "root_resource_id", "created_ms")
"""What every API has for itself."""


def named(api):
    """The API with paths and names in place of the ids that it made for itself."""
    validators = {key: held.name for key, held in api.request_validators.items()}
    authorizers = {key: held.name for key, held in api.authorizers.items()}
    resources = {}
    for resource in api.resources.values():
        methods = {}
        for verb, method in resource.methods.items():
            integration = method.integration
            if integration is not None and integration.cache_namespace == resource.id:
                integration = replace(integration, cache_namespace=resource.path)
            methods[verb] = replace(
                method,
                integration=integration,
                authorizer_id=authorizers.get(method.authorizer_id),
                request_validator_id=validators.get(method.request_validator_id),
            )
        parent = api.resources.get(resource.parent_id)
        resources[resource.path] = replace(resource, id="", parent_id=parent.path if parent else None, methods=methods)
    return replace(
        api,
        **dict.fromkeys(OWN[:2], ""),
        created_ms=0,
        resources=resources,
        authorizers={held.name: replace(held, id="") for held in api.authorizers.values()},
        request_validators={held.name: replace(held, id="") for held in api.request_validators.values()},
        models={
            name: replace(held, id="", schema=(held.schema or "").replace(api.id, "ID"))
            for name, held in api.models.items()
        },
        policy=(api.policy or "").replace(api.id, "ID"),
    )
