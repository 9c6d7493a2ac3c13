"""A stack as a CloudFormation template.

The deployment's logical id ends in a hash of the body, since a deployment is a snapshot: a changed definition needs a
new one. Log groups are kept when the stack is deleted, and adopted only if the user says that they do not exist yet.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from groundwatch.deploy.literals import check_literal
from groundwatch.deploy.policies import PUSH_TO_LOGS, trust_policy
from groundwatch.deploy.stack import (
    ALARM_ACTIONS,
    DomainPlan,
    KeyPlan,
    LogGroupPlan,
    MetricFilterPlan,
    RolePlan,
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

FORMAT_VERSION = "2010-09-09"
KEPT = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
_YES_NO = {"Type": "String", "AllowedValues": ["true", "false"]}

_EVALUATED_PARTS = ("body", "stage", "roles", "keys", "usage_plans", "metric_filters", "alarms")

Resource = dict[str, Any]


def template(stack: Stack) -> dict[str, Any]:
    """Return the template as a document, for YAML or JSON.

    Raises:
        EvaluatedTextError: when CloudFormation would read more into the stack than there is, such as a secret.
    """
    for part in _EVALUATED_PARTS:
        check_literal(msgspec.to_builtins(getattr(stack, part)), part)
    return _Writer(stack).template()


def logical_id(*words: str) -> str:
    """Return a logical id, alphanumeric, of names that may hold anything."""
    text = "".join(part[:1].upper() + part[1:] for word in words for part in re.findall(r"[A-Za-z0-9]+", word))
    return text[:200] or "Item"


class _Writer:
    """Writes one stack."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._role_names = {role.arn: role.name for role in stack.roles}
        self._role_ids = _ids("Role", [role.name for role in stack.roles])
        self._group_ids = _ids("LogGroup", [group.name for group in stack.log_groups])
        self._key_ids = _ids("ApiKey", [key.name for key in stack.keys])
        self._plan_ids = _ids("UsagePlan", [plan.name for plan in stack.usage_plans])
        self._deployment_id = f"Deployment{body_hash(stack.body)[:10]}"

    def template(self) -> dict[str, Any]:
        parameters = self._parameters()
        made = {
            "AWSTemplateFormatVersion": FORMAT_VERSION,
            "Description": f"The REST API {self._stack.name} and everything that it needs",
            "Parameters": parameters,
            "Conditions": _conditions(parameters),
            "Resources": self._resources(),
            "Outputs": self._outputs(),
        }
        return {name: value for name, value in made.items() if value}

    def _parameters(self) -> dict[str, Any]:
        parameters: dict[str, Any] = {}
        if self._stack.log_groups:
            why = "Whether to create the log groups that the API reads; false when they exist already."
            parameters["CreateLogGroups"] = {**_YES_NO, "Default": "true", "Description": why}
        if self._stack.stage.access_log is not None:
            why = "Whether to set the role under which API Gateway writes logs; false when the region has one."
            parameters["SetLoggingRole"] = {**_YES_NO, "Default": "true", "Description": why}
        domain = self._stack.domain
        if domain is not None and domain.certificate_arn is None:
            parameters["CertificateArn"] = {"Type": "String", "Description": f"ACM certificate for {domain.name}."}
        return parameters

    def _resources(self) -> dict[str, Resource]:
        stack = self._stack
        resources = {self._role_ids[role.name]: self._role(role) for role in stack.roles}
        resources["RestApi"] = self._rest_api()
        resources[self._deployment_id] = {
            "Type": "AWS::ApiGateway::Deployment",
            "Properties": {"RestApiId": {"Ref": "RestApi"}},
        }
        resources |= self._logging()
        resources["Stage"] = self._stage(stack.stage)
        resources |= {self._key_ids[key.name]: _api_key(key) for key in stack.keys}
        resources |= self._usage_plans()
        resources |= {self._group_ids[group.name]: _log_group(group) for group in stack.log_groups}
        resources |= self._metric_filters()
        alarm_ids = _ids("Alarm", [str(alarm["AlarmName"]) for alarm in stack.alarms])
        resources |= {alarm_ids[str(alarm["AlarmName"])]: self._alarm(alarm) for alarm in stack.alarms}
        return resources | self._domain()

    def _alarm(self, arguments: Mapping[str, Any]) -> Resource:
        topics = {name: [self._text(arn) for arn in arguments[name]] for name in ALARM_ACTIONS if name in arguments}
        return {"Type": "AWS::CloudWatch::Alarm", "Properties": {**arguments, **topics}}

    def _text(self, text: str) -> Tree:
        """Return a text with its references in CloudFormation's form."""
        parts = parts_of(text, self._role_names)
        if parts and all(isinstance(part, str) for part in parts):
            return text
        if len(parts) == 1 and isinstance(parts[0], RoleReference):
            return {"Fn::GetAtt": [self._role_ids[parts[0].role], "Arn"]}
        if not parts:
            return text
        return {"Fn::Sub": "".join(self._substituted(part) for part in parts)}

    def _substituted(self, part: str | Reference | RoleReference) -> str:
        match part:
            case Reference(name=name):
                return f"${{{name}}}"
            case RoleReference(role=role):
                return f"${{{self._role_ids[role]}.Arn}}"
            case _:
                # What looks like a reference and is none keeps its braces.
                return part.replace("${", "${!")

    def _document(self, document: Tree) -> Tree:
        return rewritten(document, self._text)

    def _rest_api(self) -> Resource:
        return {
            "Type": "AWS::ApiGateway::RestApi",
            "Properties": {
                "Name": self._stack.name,
                "Body": self._document(self._stack.body),
                "EndpointConfiguration": {"Types": ["REGIONAL"]},
                "FailOnWarnings": True,
                "Mode": "overwrite",
            },
        }

    def _role(self, role: RolePlan) -> Resource:
        policies = [{"PolicyName": name, "PolicyDocument": held} for name, held in role.policies.items()]
        properties = {
            "AssumeRolePolicyDocument": self._document(role.trust),
            "Policies": self._document(policies),
            "ManagedPolicyArns": self._document(role.managed),
        }
        return {"Type": "AWS::IAM::Role", "Properties": filled(properties)}

    def _logging(self) -> dict[str, Resource]:
        """Return the access log's group, and the role that the account needs before a stage may log."""
        log = self._stack.stage.access_log
        if log is None:
            return {}
        return {
            "AccessLogs": {
                "Type": "AWS::Logs::LogGroup",
                **KEPT,
                "Properties": {"LogGroupName": log.group, "RetentionInDays": log.retention_days},
            },
            "LoggingRole": {
                "Type": "AWS::IAM::Role",
                "Condition": "SetLoggingRoleCondition",
                **KEPT,
                "Properties": {
                    "AssumeRolePolicyDocument": trust_policy(),
                    "ManagedPolicyArns": [self._text(PUSH_TO_LOGS)],
                },
            },
            "LoggingAccount": {
                "Type": "AWS::ApiGateway::Account",
                "Condition": "SetLoggingRoleCondition",
                **KEPT,
                "Properties": {"CloudWatchRoleArn": {"Fn::GetAtt": ["LoggingRole", "Arn"]}},
            },
        }

    def _stage(self, stage: StagePlan) -> Resource:
        properties: Resource = {
            "RestApiId": {"Ref": "RestApi"},
            "DeploymentId": {"Ref": self._deployment_id},
            "StageName": stage.name,
            "Description": stage.description,
            "Variables": self._document(stage.variables),
            "MethodSettings": [_method_setting(key, held) for key, held in sorted(stage.method_settings.items())],
            "CacheClusterEnabled": True if stage.cache_cluster_size else None,
            "CacheClusterSize": stage.cache_cluster_size,
        }
        resource: Resource = {"Type": "AWS::ApiGateway::Stage"}
        if stage.access_log is not None:
            # `Arn` of a log group ends in `:*`, which a stage does not take.
            group = self._substituted(stage.access_log.group)
            destination = f"arn:${{AWS::Partition}}:logs:${{AWS::Region}}:${{AWS::AccountId}}:log-group:{group}"
            properties["AccessLogSetting"] = {
                "DestinationArn": {"Fn::Sub": destination},
                "Format": stage.access_log.format,
            }
            resource["DependsOn"] = ["AccessLogs"]
            # The account's role must be there before a stage logs; DependsOn may not name what a condition leaves out.
            account = {"Fn::If": ["SetLoggingRoleCondition", {"Ref": "LoggingAccount"}, "set elsewhere"]}
            properties["Tags"] = [{"Key": "logging-role", "Value": account}]
        resource["Properties"] = filled(properties)
        return resource

    def _usage_plans(self) -> dict[str, Resource]:
        made: dict[str, Resource] = {}
        for plan in self._stack.usage_plans:
            plan_id = self._plan_ids[plan.name]
            made[plan_id] = _usage_plan(plan)
            for key in plan.keys:
                # Both ids are unique, so is what they make together.
                made[f"{plan_id}{self._key_ids[key]}"] = {
                    "Type": "AWS::ApiGateway::UsagePlanKey",
                    "Properties": {
                        "KeyId": {"Ref": self._key_ids[key]},
                        "KeyType": "API_KEY",
                        "UsagePlanId": {"Ref": plan_id},
                    },
                }
        return made

    def _metric_filters(self) -> dict[str, Resource]:
        filters = {f"{held.group} {held.name}": held for held in self._stack.metric_filters}
        ids = _ids("MetricFilter", list(filters))
        return {ids[name]: _metric_filter(held) for name, held in filters.items()}

    def _domain(self) -> dict[str, Resource]:
        domain = self._stack.domain
        if domain is None:
            return {}
        mapping = {
            "DomainName": {"Ref": "DomainName"},
            "RestApiId": {"Ref": "RestApi"},
            "Stage": {"Ref": "Stage"},
            "BasePath": domain.base_path,
        }
        return {
            "DomainName": _domain_name(domain),
            "BasePathMapping": {"Type": "AWS::ApiGateway::BasePathMapping", "Properties": filled(mapping)},
        }

    def _outputs(self) -> dict[str, Any]:
        host = "${RestApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}"
        url = {"Fn::Sub": f"https://{host}/{self._stack.stage.name}"}
        outputs: dict[str, Any] = {"Url": {"Description": "Where the stage answers", "Value": url}}
        for key in self._stack.keys:
            key_id = self._key_ids[key.name]
            outputs[f"{key_id}Id"] = {
                "Description": f"Id of {key.name}; aws apigateway get-api-key --include-value --api-key ID shows it",
                "Value": {"Ref": key_id},
            }
        if self._stack.domain is not None:
            target = {"Fn::GetAtt": ["DomainName", "RegionalDomainName"]}
            outputs["DomainTarget"] = {"Description": "What the name's CNAME record must be", "Value": target}
        return outputs


def _conditions(parameters: Mapping[str, Any]) -> dict[str, Any]:
    switches = [name for name in ("CreateLogGroups", "SetLoggingRole") if name in parameters]
    return {f"{name}Condition": {"Fn::Equals": [{"Ref": name}, "true"]} for name in switches}


def _ids(kind: str, names: list[str]) -> dict[str, str]:
    """Return a logical id for each name."""
    return distinct(names, lambda name: logical_id(kind, name))


def _api_key(key: KeyPlan) -> Resource:
    properties = {"Name": key.name, "Description": key.description, "Enabled": key.enabled}
    return {"Type": "AWS::ApiGateway::ApiKey", "DependsOn": ["Stage"], "Properties": filled(properties)}


def _usage_plan(plan: UsagePlanPlan) -> Resource:
    throttles = {path: _properties(throttle_limits(held)) for path, held in plan.method_throttles.items()}
    stage = {"ApiId": {"Ref": "RestApi"}, "Stage": {"Ref": "Stage"}, "Throttle": throttles}
    properties = {
        "UsagePlanName": plan.name,
        "Description": plan.description,
        "ApiStages": [filled(stage)],
        "Throttle": _properties(throttle_limits(plan.throttle)),
        "Quota": _properties(quota_limits(plan.quota)),
    }
    return {"Type": "AWS::ApiGateway::UsagePlan", "Properties": filled(properties)}


def _properties(fields: Mapping[str, Any]) -> Resource:
    """Return properties for fields in snake case."""
    return {name.title().replace("_", ""): value for name, value in fields.items()}


def _log_group(group: LogGroupPlan) -> Resource:
    properties = {"LogGroupName": group.name, "RetentionInDays": group.retention_days}
    condition = "CreateLogGroupsCondition"
    return {"Type": "AWS::Logs::LogGroup", "Condition": condition, **KEPT, "Properties": filled(properties)}


def _metric_filter(held: MetricFilterPlan) -> Resource:
    dimensions = [{"Key": name, "Value": value} for name, value in held.dimensions.items()]
    transformation = {
        "MetricName": held.metric_name,
        "MetricNamespace": held.namespace,
        "MetricValue": held.value,
        "DefaultValue": held.default_value,
        "Unit": held.unit,
        "Dimensions": dimensions,
    }
    properties = {
        "LogGroupName": held.group,
        "FilterName": held.name,
        "FilterPattern": held.pattern,
        "MetricTransformations": [filled(transformation)],
    }
    return {"Type": "AWS::Logs::MetricFilter", "Properties": properties}


def _domain_name(domain: DomainPlan) -> Resource:
    properties = {
        "DomainName": domain.name,
        "RegionalCertificateArn": domain.certificate_arn or {"Ref": "CertificateArn"},
        "EndpointConfiguration": {"Types": ["REGIONAL"]},
        "SecurityPolicy": "TLS_1_2",
    }
    return {"Type": "AWS::ApiGateway::DomainName", "Properties": properties}


def _method_setting(key: str, held: MethodSetting) -> Resource:
    path, _, verb = key.rpartition("/")
    where = "/*" if path == "*" else "/" + f"/{path}".replace("/", "~1")
    return {"ResourcePath": where, "HttpMethod": verb, **_properties(changed_settings(held))}
