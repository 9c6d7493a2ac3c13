"""Small documents, and what reading one gives."""

from __future__ import annotations

from groundwatch.gateway.openapi.findings import Findings
from groundwatch.gateway.openapi.reader import read_draft

MOCK = {"x-amazon-apigateway-integration": {"type": "mock"}}


def openapi(operation=None, **more):
    paths = {} if operation is None else {"/a": {"get": operation}}
    return {"openapi": "3.0.1", "info": {"title": "t", "version": 1}, "paths": paths} | more


def swagger(operation=None, **more):
    paths = {} if operation is None else {"/a": {"get": operation}}
    return {"swagger": 2.0, "info": {"title": "t"}, "paths": paths, **more}


def read(document):
    findings = Findings()
    return read_draft(document, "api1", findings), findings
