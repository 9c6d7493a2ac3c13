"""A stack as Terraform's JSON configuration, for the AWS provider.

The deployment is replaced when the body's hash changes, and made before the old one goes: a stage points to one always.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from groundwatch.deploy.expressions import Expression, quoted, settled
from groundwatch.deploy.policies import PUSH_TO_LOGS, trust_policy
from groundwatch.deploy.stack import (
    ALARM_ACTIONS,
    LogGroupPlan,
    MetricFilterPlan,
    Stack,
    StagePlan,
    UsagePlanPlan,
)
from groundwatch.deploy.texts import Reference, RoleReference, Tree, parts_of, rewritten
from groundwatch.deploy.writing import (
    body_hash,
    changed_settings,
    distinct,
    filled,
    quota_limits,
    throttle_limits,
)
from groundwatch.gateway.definition import MethodSetting

PROVIDER = {"source": "hashicorp/aws", "version": ">= 5.0"}
API = Expression("${aws_api_gateway_rest_api.api.id}")
STAGE = Expression("${aws_api_gateway_stage.stage.stage_name}")
REFERENCES: Mapping[str, str] = {
    "AWS::AccountId": "${data.aws_caller_identity.current.account_id}",
    "AWS::Region": "${data.aws_region.current.name}",
    "AWS::Partition": "${data.aws_partition.current.partition}",
}
ALARM_ARGUMENTS: Mapping[str, str] = {
    "OKActions": "ok_actions",
    "EvaluateLowSampleCountPercentile": "evaluate_low_sample_count_percentiles",
}
"""Those that are not simply the members of PutMetricAlarm in snake case."""
LOGGING = "api_gateway_logging"
"""Label of the role under which API Gateway writes logs."""

Block = dict[str, Any]


def configuration(stack: Stack) -> Block:
    """Return the configuration as a document, for a file that ends in `.tf.json`."""
    return _Writer(stack).configuration()


def label(name: str) -> str:
    """Return a resource's local name, made of a name that may hold anything."""
    text = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").lower()
    return text if text and not text[0].isdigit() else f"n_{text}"


class _Writer:
    """Writes one stack."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._role_names = {role.arn: role.name for role in stack.roles}
        self._role_labels = _labels([role.name for role in stack.roles], taken={LOGGING})
        self._key_labels = _labels([key.name for key in stack.keys])
        self._plan_labels = _labels([plan.name for plan in stack.usage_plans])

    def configuration(self) -> Block:
        made = {
            "terraform": {"required_providers": {"aws": PROVIDER}},
            "variable": self._variables(),
            "data": {
                "aws_caller_identity": {"current": {}},
                "aws_region": {"current": {}},
                "aws_partition": {"current": {}},
            },
            "resource": self._resources(),
            "output": self._outputs(),
        }
        return filled(settled(made))

    def _variables(self) -> Block:
        variables: Block = {}
        if self._stack.log_groups:
            variables["create_log_groups"] = _switch("Whether to create the log groups that the API reads.")
        if self._stack.stage.access_log is not None:
            variables["set_logging_role"] = _switch("Whether to set the role under which API Gateway writes logs.")
        if self._stack.domain is not None and self._stack.domain.certificate_arn is None:
            why = f"ACM certificate for {self._stack.domain.name}."
            variables["certificate_arn"] = {"type": "string", "description": why}
        return variables

    def _alarm(self, arguments: Mapping[str, Any]) -> Block:
        topics = {name: [self._text(arn) for arn in arguments[name]] for name in ALARM_ACTIONS if name in arguments}
        return _alarm({**arguments, **topics})

    def _text(self, text: str) -> Expression:
        """Return a text with its references in Terraform's form, and everything else quoted for it."""
        return Expression("".join(self._written(part) for part in parts_of(text, self._role_names)))

    def _written(self, part: str | Reference | RoleReference) -> str:
        match part:
            case Reference(name=name):
                return REFERENCES[name]
            case RoleReference(role=role):
                return f"${{aws_iam_role.{self._role_labels[role]}.arn}}"
            case _:
                return quoted(part)

    def _json(self, document: Tree) -> Expression:
        """Return a document as a JSON text with references in it, which Terraform fills in."""
        return Expression(json.dumps(settled(rewritten(document, self._text)), ensure_ascii=False))

    def _resources(self) -> Block:
        stack = self._stack
        resources: Block = {"aws_api_gateway_rest_api": {"api": self._rest_api()}}
        resources["aws_api_gateway_deployment"] = {"deployment": self._deployment()}
        resources["aws_api_gateway_stage"] = {"stage": self._stage(stack.stage)}
        settings = {f"settings {key}": (key, held) for key, held in sorted(stack.stage.method_settings.items())}
        resources["aws_api_gateway_method_settings"] = _labelled(
            {name: _method_settings(key, held) for name, (key, held) in settings.items()}
        )
        resources |= self._roles()
        resources |= self._logging(resources)
        resources["aws_api_gateway_api_key"] = {
            self._key_labels[key.name]: filled(
                {"name": key.name, "description": key.description, "enabled": key.enabled}
            )
            for key in stack.keys
        }
        resources["aws_api_gateway_usage_plan"] = {
            self._plan_labels[plan.name]: _usage_plan(plan) for plan in stack.usage_plans
        }
        resources["aws_api_gateway_usage_plan_key"] = self._plan_keys()
        group_labels = _labels([group.name for group in stack.log_groups])
        groups = {f"group_{group_labels[group.name]}": _log_group(group) for group in stack.log_groups}
        resources["aws_cloudwatch_log_group"] = {**resources.get("aws_cloudwatch_log_group", {}), **groups}
        resources["aws_cloudwatch_log_metric_filter"] = _labelled(
            {f"{held.group} {held.name}": _metric_filter(held) for held in stack.metric_filters}
        )
        resources["aws_cloudwatch_metric_alarm"] = _labelled(
            {str(held["AlarmName"]): self._alarm(held) for held in stack.alarms}
        )
        return filled(resources | self._domain())

    def _rest_api(self) -> Block:
        return {
            "name": self._stack.name,
            "body": self._json(self._stack.body),
            "put_rest_api_mode": "overwrite",
            "fail_on_warnings": True,
            "endpoint_configuration": {"types": ["REGIONAL"]},
        }

    def _deployment(self) -> Block:
        return {
            "rest_api_id": API,
            "triggers": {"redeployment": body_hash(self._stack.body)},
            "lifecycle": {"create_before_destroy": True},
        }

    def _stage(self, stage: StagePlan) -> Block:
        log = stage.access_log
        arguments = {
            "rest_api_id": API,
            "deployment_id": Expression("${aws_api_gateway_deployment.deployment.id}"),
            "stage_name": stage.name,
            "description": stage.description,
            "variables": rewritten(stage.variables, self._text),
            "cache_cluster_enabled": True if stage.cache_cluster_size else None,
            "cache_cluster_size": stage.cache_cluster_size,
        }
        if log is not None:
            arguments["access_log_settings"] = {
                "destination_arn": Expression("${aws_cloudwatch_log_group.access_logs.arn}"),
                "format": log.format,
            }
            arguments["depends_on"] = ["aws_api_gateway_account.logging"]
        return filled(arguments)

    def _roles(self) -> Block:
        roles = {
            self._role_labels[role.name]: {
                "name_prefix": f"{role.name[:30]}-",
                "assume_role_policy": self._json(role.trust),
            }
            for role in self._stack.roles
        }
        policies = {
            f"{role.name} {name}": {
                "name": name,
                "role": Expression(f"${{aws_iam_role.{self._role_labels[role.name]}.id}}"),
                "policy": self._json(held),
            }
            for role in self._stack.roles
            for name, held in role.policies.items()
        }
        attached = {
            f"{role.name} {arn}": {
                "role": Expression(f"${{aws_iam_role.{self._role_labels[role.name]}.name}}"),
                "policy_arn": self._text(arn),
            }
            for role in self._stack.roles
            for arn in role.managed
        }
        return {
            "aws_iam_role": roles,
            "aws_iam_role_policy": _labelled(policies),
            "aws_iam_role_policy_attachment": _labelled(attached),
        }

    def _logging(self, resources: Block) -> Block:
        """Return the access log's group, and the role that the account needs before a stage may log."""
        log = self._stack.stage.access_log
        if log is None:
            return {}
        count = Expression("${var.set_logging_role ? 1 : 0}")
        return {
            "aws_cloudwatch_log_group": {"access_logs": {"name": log.group, "retention_in_days": log.retention_days}},
            "aws_iam_role": {
                **resources["aws_iam_role"],
                LOGGING: {
                    "count": count,
                    "name_prefix": "api-gateway-logging-",
                    "assume_role_policy": self._json(trust_policy()),
                },
            },
            "aws_iam_role_policy_attachment": {
                **resources["aws_iam_role_policy_attachment"],
                LOGGING: {
                    "count": count,
                    "role": Expression("${aws_iam_role.api_gateway_logging[0].name}"),
                    "policy_arn": self._text(PUSH_TO_LOGS),
                },
            },
            "aws_api_gateway_account": {
                "logging": {
                    "count": count,
                    "cloudwatch_role_arn": Expression("${aws_iam_role.api_gateway_logging[0].arn}"),
                }
            },
        }

    def _plan_keys(self) -> Block:
        return {
            f"{self._plan_labels[plan.name]}_{self._key_labels[key]}": {
                "key_id": Expression(f"${{aws_api_gateway_api_key.{self._key_labels[key]}.id}}"),
                "key_type": "API_KEY",
                "usage_plan_id": Expression(f"${{aws_api_gateway_usage_plan.{self._plan_labels[plan.name]}.id}}"),
            }
            for plan in self._stack.usage_plans
            for key in plan.keys
        }

    def _domain(self) -> Block:
        domain = self._stack.domain
        if domain is None:
            return {}
        name = {
            "domain_name": domain.name,
            "regional_certificate_arn": domain.certificate_arn or Expression("${var.certificate_arn}"),
            "endpoint_configuration": {"types": ["REGIONAL"]},
            "security_policy": "TLS_1_2",
        }
        mapping = {
            "api_id": API,
            "stage_name": STAGE,
            "domain_name": Expression("${aws_api_gateway_domain_name.domain.domain_name}"),
            "base_path": domain.base_path,
        }
        return {
            "aws_api_gateway_domain_name": {"domain": name},
            "aws_api_gateway_base_path_mapping": {"domain": filled(mapping)},
        }

    def _outputs(self) -> Block:
        outputs: Block = {"url": {"value": Expression("${aws_api_gateway_stage.stage.invoke_url}")}}
        for key in self._stack.keys:
            outputs[f"{self._key_labels[key.name]}_id"] = {
                "value": Expression(f"${{aws_api_gateway_api_key.{self._key_labels[key.name]}.id}}")
            }
        if self._stack.domain is not None:
            target = Expression("${aws_api_gateway_domain_name.domain.regional_domain_name}")
            outputs["domain_target"] = {"value": target}
        return outputs


def _labelled(blocks: Mapping[str, Block]) -> dict[str, Block]:
    """Return blocks by label instead of by name."""
    labels = _labels(blocks)
    return {labels[name]: block for name, block in blocks.items()}


def _labels(names: Iterable[str], taken: Collection[str] = ()) -> dict[str, str]:
    """Return a label for each name."""
    return distinct(names, label, between="_", taken=taken)


def _switch(description: str) -> Block:
    return {"type": "bool", "default": True, "description": f"{description} False when that is done already."}


def _usage_plan(plan: UsagePlanPlan) -> Block:
    throttles = [{"path": path, **throttle_limits(held)} for path, held in plan.method_throttles.items()]
    return filled(
        {
            "name": plan.name,
            "description": plan.description,
            "api_stages": [filled({"api_id": API, "stage": STAGE, "throttle": throttles})],
            "throttle_settings": throttle_limits(plan.throttle),
            "quota_settings": quota_limits(plan.quota),
        }
    )


def _method_settings(key: str, held: MethodSetting) -> Block:
    return {"rest_api_id": API, "stage_name": STAGE, "method_path": key, "settings": changed_settings(held)}


def _log_group(group: LogGroupPlan) -> Block:
    arguments = {
        "count": Expression("${var.create_log_groups ? 1 : 0}"),
        "name": group.name,
        "retention_in_days": group.retention_days,
        "skip_destroy": True,
    }
    return filled(arguments)


def _metric_filter(held: MetricFilterPlan) -> Block:
    transformation = {
        "name": held.metric_name,
        "namespace": held.namespace,
        "value": held.value,
        "default_value": held.default_value,
        "unit": held.unit,
        "dimensions": held.dimensions,
    }
    return {
        "name": held.name,
        "log_group_name": held.group,
        "pattern": held.pattern,
        "metric_transformation": filled(transformation),
    }


def _alarm(arguments: Mapping[str, Any]) -> Block:
    made: Block = {
        ALARM_ARGUMENTS.get(name) or re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower(): value
        for name, value in arguments.items()
    }
    if "dimensions" in made:
        made["dimensions"] = {held["Name"]: held["Value"] for held in made["dimensions"]}
    return made
