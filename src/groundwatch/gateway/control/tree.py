"""The resource tree of an API: finding, adding, moving and removing its parts, as functions of immutable values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from msgspec.structs import replace

from groundwatch.gateway.control.errors import bad_request, conflict, limit_exceeded, not_found, require
from groundwatch.gateway.control.ids import SHORT, IdSource, fresh_id
from groundwatch.gateway.definition import Integration, IntegrationResponse, Method, MethodResponse, Resource, RestApi

R = TypeVar("R", MethodResponse, IntegrationResponse)
T = TypeVar("T")
# A path part is either plain characters or one parameter: the service takes no mixture of the two.
_PATH_PART = re.compile(r"[A-Za-z0-9._:,~-]+|\{[A-Za-z0-9._:-]+\+?\}")
MAX_RESOURCES = 300
"""Below the root; the service's own quota. Every edit writes the whole API, so there must be one."""
_PATH_PART_RULE = (
    "Resource's path part only allow a-zA-Z0-9._- and curly braces at the beginning and the end and an optional plus "
    "sign before the closing brace."
)


def resource_of(api: RestApi, resource_id: str) -> Resource:
    """Return a resource; raises NotFoundException."""
    return require(api.resources.get(resource_id), "Invalid Resource identifier specified")


def method_of(api: RestApi, resource_id: str, http_method: str) -> Method:
    """Return a method of a resource; raises NotFoundException."""
    # Kept in capitals, while the path of a request may have it in any case.
    return require(
        resource_of(api, resource_id).methods.get(http_method.upper()), "Invalid Method identifier specified"
    )


def integration_of(api: RestApi, resource_id: str, http_method: str) -> Integration:
    """Return the integration of a method; raises NotFoundException."""
    return require(method_of(api, resource_id, http_method).integration, "Invalid Integration identifier specified")


def methods_of(api: RestApi) -> list[tuple[str, Method]]:
    """Return every method with its place as messages name it, such as `/pets/GET`."""
    return [
        (f"{resource.path.rstrip('/')}/{verb}", method)
        for resource in api.resources.values()
        for verb, method in resource.methods.items()
    ]


def response_of(responses: Mapping[str, R], status_code: str) -> R:
    """Return the response of a method, or of an integration, with this status; raises NotFoundException."""
    return require(responses.get(status_code), "Invalid Response status code specified")


def without(held: Mapping[str, T], key: str) -> dict[str, T]:
    """Return the map without one of its entries."""
    return {name: value for name, value in held.items() if name != key}


def with_resource(api: RestApi, resource: Resource) -> RestApi:
    """Return the API with this resource in place of the one of the same id."""
    return replace(api, resources={**api.resources, resource.id: resource})


def with_method(api: RestApi, resource_id: str, method: Method) -> RestApi:
    """Return the API with this method in place of the resource's method of the same verb."""
    resource = resource_of(api, resource_id)
    return with_resource(api, replace(resource, methods={**resource.methods, method.http_method: method}))


def with_integration(api: RestApi, resource_id: str, http_method: str, integration: Integration | None) -> RestApi:
    """Return the API with this integration, or none, behind a method; raises NotFoundException."""
    return edit_method(api, resource_id, http_method, lambda method: replace(method, integration=integration))


def without_method(api: RestApi, resource_id: str, http_method: str) -> RestApi:
    """Return the API without a method; raises NotFoundException."""
    gone = method_of(api, resource_id, http_method).http_method
    resource = resource_of(api, resource_id)
    return with_resource(api, replace(resource, methods=without(resource.methods, gone)))


def edit_method(api: RestApi, resource_id: str, http_method: str, edit: Callable[[Method], Method]) -> RestApi:
    """Return the API with one method edited; raises NotFoundException."""
    return with_method(api, resource_id, edit(method_of(api, resource_id, http_method)))


def child_of(api: RestApi, parent_id: str, path_part: str) -> Resource | None:
    """Return the resource with this path part below a parent, or None."""
    for resource in api.resources.values():
        if resource.parent_id == parent_id and resource.path_part == path_part:
            return resource
    return None


def add_resource(api: RestApi, parent_id: str, path_part: str, ids: IdSource) -> RestApi:
    """Return the API with a new resource below a parent; raises for what `check_placement` refuses."""
    parent = resource_of(api, parent_id)
    check_placement(api, parent, path_part)
    if len(api.resources) > MAX_RESOURCES:
        raise limit_exceeded("Maximum number of Resources for this API has been reached.")
    resource = Resource(
        id=fresh_id(ids, SHORT, api.resources),
        path=join_path(parent, path_part),
        parent_id=parent_id,
        path_part=path_part,
    )
    return with_resource(api, resource)


def ensure_path(api: RestApi, path: str, ids: IdSource) -> tuple[RestApi, str]:
    """Return the API with every resource of a path (such as `/a/{b}`), and the id of the last."""
    resource_id = api.root_resource_id
    for part in filter(None, path.split("/")):
        known = child_of(api, resource_id, part)
        if known is None:
            api = add_resource(api, resource_id, part, ids)
            known = child_of(api, resource_id, part)
        if known is not None:
            resource_id = known.id
    return api, resource_id


def check_placement(api: RestApi, parent: Resource, path_part: str, *, moved_id: str | None = None) -> None:
    """Raise when a path part may not stand below this parent; `moved_id` is the resource itself when it moves."""
    if not _PATH_PART.fullmatch(path_part):
        raise bad_request(_PATH_PART_RULE)
    if parent.path_part is not None and parent.path_part.endswith("+}"):
        raise bad_request(f"Cannot create a child of a resource with a greedy path variable: {parent.path_part}")
    for sibling in api.resources.values():
        if sibling.parent_id != parent.id or sibling.id == moved_id or sibling.path_part is None:
            continue
        if sibling.path_part == path_part:
            raise conflict(f"Another resource with the same parent already has this name: {path_part}")
        # Routing prefers a literal to the variable beside it, and could not choose between two variables.
        if sibling.path_part.startswith("{") and path_part.startswith("{"):
            message = (
                f"A sibling ({sibling.id}) of this resource already has a variable path part -- only one is allowed"
            )
            raise bad_request(message)


def move_resource(api: RestApi, moved: Resource) -> RestApi:
    """Return the API with a resource at its new parent and path part, and the paths below it rewritten."""
    before = resource_of(api, moved.id)
    if before.parent_id is None:
        attribute = "pathPart" if moved.path_part is not None else "parentId"
        raise bad_request(f"Root resource cannot update its {attribute}.")
    if moved.parent_id is None or moved.path_part is None or moved.parent_id not in api.resources:
        raise not_found("Invalid Resource identifier specified")
    # Else the subtree would hang on itself, and no path would lead to it.
    if moved.parent_id in subtree_ids(api, moved.id):
        raise bad_request("Resources cannot be cyclical.")
    parent = api.resources[moved.parent_id]
    check_placement(api, parent, moved.path_part, moved_id=moved.id)
    path = join_path(parent, moved.path_part)
    resources = dict(api.resources)
    for below in subtree_ids(api, moved.id):
        resource = moved if below == moved.id else resources[below]
        resources[below] = replace(resource, path=path + api.resources[below].path.removeprefix(before.path))
    return replace(api, resources=resources)


def remove_resource(api: RestApi, resource_id: str) -> RestApi:
    """Return the API without a resource and everything below it."""
    if resource_of(api, resource_id).parent_id is None:
        raise bad_request("Root resource cannot be deleted")
    gone = subtree_ids(api, resource_id)
    return replace(api, resources={key: value for key, value in api.resources.items() if key not in gone})


def subtree_ids(api: RestApi, resource_id: str) -> set[str]:
    """Return the ids of a resource and of everything below it."""
    found = {resource_id}
    grown = True
    # Resources know their parents only; an API has few enough levels to look at all of them once a level.
    while grown:
        below = {key for key, value in api.resources.items() if value.parent_id in found}
        grown = not below <= found
        found |= below
    return found


def join_path(parent: Resource, path_part: str) -> str:
    """Return the path of a child."""
    return f"{parent.path.rstrip('/')}/{path_part}"
