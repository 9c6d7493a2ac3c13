"""From a draft to an API: `merge` replaces counterparts and keeps the rest, `overwrite` keeps only what it must."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from msgspec.structs import replace

from groundwatch.aws.errors import ServiceError
from groundwatch.gateway.control import tree
from groundwatch.gateway.control.authorizer_rules import with_authorizer, with_defaults
from groundwatch.gateway.control.errors import LIMIT_EXCEEDED
from groundwatch.gateway.control.gateway_responses import with_gateway_response
from groundwatch.gateway.control.ids import SHORT, IdSource, fresh_id
from groundwatch.gateway.control.models import check_model
from groundwatch.gateway.control.policies import PolicyFault, stored_policy
from groundwatch.gateway.control.rules import (
    check_api,
    check_integration,
    check_integration_response,
    check_method,
    check_method_response,
)
from groundwatch.gateway.definition import Authorizer, Method, Model, RequestValidator, Resource, RestApi
from groundwatch.gateway.openapi.draft import ApiDraft, MethodDraft
from groundwatch.gateway.openapi.findings import Findings

BasePath = Literal["ignore", "prepend", "split"]
Mode = Literal["merge", "overwrite"]


class Merge:
    """One merge of a draft into an API; problems are collected, so that all of them are reported together."""

    def __init__(
        self, draft: ApiDraft, findings: Findings, ids: IdSource, base_path: BasePath, policy_fault: PolicyFault
    ) -> None:
        self._draft = draft
        self._policy_fault = policy_fault
        self._findings = findings
        self._ids = ids
        self._base = base_segments(draft.base_path, base_path)
        self._validator_ids: dict[str, str] = {}
        """By name; of several with one name it is the first."""

    def into(self, api: RestApi, mode: Mode) -> RestApi:
        """Return the API with the draft in it. The result is only good when `findings` has no errors."""
        target = _emptied(api) if mode == "overwrite" else api
        target = self._with_settings(target, mode)
        for step in (
            self._add_models,
            self._add_validators,
            self._add_authorizers,
            self._add_gateway_responses,
            self._add_paths,
        ):
            target = step(target)
        for draft in self._draft.methods:
            target = self._attempt(target, f"Unable to put method {_place(draft)}", self._adder(draft))
        return target

    def _with_settings(self, api: RestApi, mode: Mode) -> RestApi:
        draft = self._draft
        given: dict[str, Any] = {
            "name": draft.name,
            "description": draft.description,
            "version": draft.version,
            "api_key_source": draft.api_key_source,
            "minimum_compression_size": draft.minimum_compression_size,
            "disable_execute_api_endpoint": draft.disable_execute_api_endpoint,
            "ip_address_type": draft.ip_address_type,
        }
        settled = replace(api, **{name: value for name, value in given.items() if value is not None})
        if draft.binary_media_types is not None:
            kept = api.binary_media_types if mode == "merge" else []
            settled = replace(settled, binary_media_types=list(dict.fromkeys([*kept, *draft.binary_media_types])))
        return self._attempt(settled, "Unable to update the API", self._finish_settings)

    def _finish_settings(self, api: RestApi) -> RestApi:
        check_api(api)
        if self._draft.policy is None:
            return api
        return replace(api, policy=stored_policy(api, self._draft.policy, self._policy_fault))

    def _add_models(self, api: RestApi) -> RestApi:
        # In a dict of its own: with a copy for each of them, a document of megabytes would take a quarter of an hour.
        models = dict(api.models)
        taken = {model.id for model in models.values()}
        for name, schema in self._draft.models.items():
            known = models.get(name)
            model_id = known.id if known else fresh_id(self._ids, SHORT, taken)
            model = Model(model_id, name, schema=schema, description=known.description if known else None)
            if self._check(f"Unable to create model '{name}'", partial(check_model, model)):
                models[name] = model
                taken.add(model_id)
        return replace(api, models=models)

    def _add_validators(self, api: RestApi) -> RestApi:
        validators = dict(api.request_validators)
        self._validator_ids = {held.name: held.id for held in reversed(validators.values())}
        for name, held in self._draft.validators.items():
            validator_id = self._validator_ids.get(name) or fresh_id(self._ids, SHORT, validators)
            self._validator_ids[name] = validator_id
            validators[validator_id] = RequestValidator(
                validator_id, name, held.validate_body, held.validate_parameters
            )
        return replace(api, request_validators=validators)

    def _add_authorizers(self, api: RestApi) -> RestApi:
        for name, held in self._draft.authorizers.items():
            known = _authorizer_id(api, name)
            made = with_defaults(replace(held, id=known or fresh_id(self._ids, SHORT, api.authorizers)))
            api = self._attempt(api, f"Unable to create authorizer '{name}'", partial(_with_authorizer, made=made))
        return api

    def _add_gateway_responses(self, api: RestApi) -> RestApi:
        for kind, response in self._draft.gateway_responses.items():
            where = f"Unable to put gateway response '{kind}'"
            api = self._attempt(api, where, partial(with_gateway_response, response=response))
        return api

    def _add_paths(self, api: RestApi) -> RestApi:
        for path in [self._base, *(self._base + path for path in self._draft.paths)]:
            where = f"Unable to create resource at path '{path}'"
            api = self._attempt(api, where, partial(self._ensured, path=path))
        return api

    def _ensured(self, api: RestApi, path: str) -> RestApi:
        return tree.ensure_path(api, path, self._ids)[0]

    def _adder(self, draft: MethodDraft) -> Callable[[RestApi], RestApi]:
        def add(api: RestApi) -> RestApi:
            api, resource_id = tree.ensure_path(api, self._base + draft.path, self._ids)
            validator_id = None
            if draft.validator_name is not None:
                validator_id = self._validator_ids.get(draft.validator_name, draft.validator_name)
            authorizer_id = None if draft.authorizer_name is None else _authorizer_id(api, draft.authorizer_name)
            method = replace(draft.method, request_validator_id=validator_id, authorizer_id=authorizer_id)
            check_method(api, method)
            for response in method.responses.values():
                check_method_response(api, response)
            return tree.with_method(api, resource_id, self._integrated(api, method, draft, resource_id))

        return add

    def _integrated(self, api: RestApi, method: Method, draft: MethodDraft, resource_id: str) -> Method:
        integration = method.integration
        if integration is None:
            return method
        where = f"Unable to put integration {_place(draft)}"
        self._check(where, partial(check_integration, method, integration, api.account_id))
        for response in integration.responses.values():
            where = f"Unable to put integration response {_place(draft)}"
            self._check(where, partial(check_integration_response, method, response))
        return replace(
            method,
            integration=replace(integration, cache_namespace=integration.cache_namespace or resource_id),
        )

    def _attempt(self, api: RestApi, where: str, step: Callable[[RestApi], RestApi]) -> RestApi:
        try:
            return step(api)
        except ServiceError as error:
            if error.code == LIMIT_EXCEEDED:
                # The service does not list it among the findings, and everything behind it would fail alike.
                raise
            self._findings.error(f"{where}: {error.message}")
            return api

    def _check(self, where: str, check: Callable[[], None]) -> bool:
        try:
            check()
        except ServiceError as error:
            self._findings.error(f"{where}: {error.message}")
            return False
        return True


def _emptied(api: RestApi) -> RestApi:
    root = Resource(id=api.root_resource_id, path="/")
    return replace(
        api,
        resources={root.id: root},
        models={},
        request_validators={},
        authorizers={},
        gateway_responses={},
        description=None,
        version=None,
    )


def base_segments(base_path: str, mode: BasePath) -> str:
    """Return what stands in front of every path: all of the base path, all but its first segment, or nothing."""
    segments = [part for part in base_path.split("/") if part]
    kept: dict[BasePath, list[str]] = {"ignore": [], "prepend": segments, "split": segments[1:]}
    return "".join(f"/{part}" for part in kept[mode])


def _authorizer_id(api: RestApi, name: str) -> str | None:
    return next((held.id for held in api.authorizers.values() if held.name == name), None)


def _with_authorizer(api: RestApi, made: Authorizer) -> RestApi:
    return replace(api, authorizers=with_authorizer(api, made))


def _place(draft: MethodDraft) -> str:
    return f"on '{draft.method.http_method}' for resource at path '{draft.path}'"
