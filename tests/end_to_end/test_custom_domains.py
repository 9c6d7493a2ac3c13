"""APIs under host names of their owner, and under their own, over TLS with the names that clients ask for."""

from __future__ import annotations

import http.client
import http.server
import json
import ssl
import threading
import uuid

import pytest
from tests.live import RunningServer

TEMPLATE = '{"path":"$context.path","domain":"$context.domainName","canary":"$context.isCanaryRequest"}'


@pytest.fixture(scope="module")
def gateway(server):
    return server.client("apigateway")


@pytest.fixture(scope="module")
def api_id(gateway):
    """An API with one MOCK method on `/pets`, deployed on `prod`."""
    api = gateway.create_rest_api(name="domains")
    pets = gateway.create_resource(restApiId=api["id"], parentId=api["rootResourceId"], pathPart="pets")
    method = {"restApiId": api["id"], "resourceId": pets["id"], "httpMethod": "GET"}
    gateway.put_method(**method, authorizationType="NONE")
    gateway.put_method_response(**method, statusCode="200")
    gateway.put_integration(**method, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    gateway.put_integration_response(**method, statusCode="200", responseTemplates={"application/json": TEMPLATE})
    gateway.create_deployment(restApiId=api["id"], stageName="prod")
    return api["id"]


def get(server, host, path):
    """Ask for a host that DNS does not know, and trust the local authority alone."""
    trust = ssl.create_default_context(cafile=server.data / "tls" / "ca.pem")
    connection = http.client.HTTPSConnection("127.0.0.1", server.gateway_port, context=trust, timeout=20)
    connection.sock = trust.wrap_socket(
        http.client.socket.create_connection(("127.0.0.1", server.gateway_port), 20), server_hostname=host
    )
    with connection.sock:
        connection.request("GET", path, headers={"Host": f"{host}:{server.gateway_port}"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


@pytest.mark.parametrize("region", ["us-east-1.", ""])
def test_an_api_under_its_own_name(server, api_id, region):
    host = f"{api_id}.execute-api.{region}localhost"
    status, body = get(server, host, "/prod/pets")
    assert (status, body["path"], body["domain"]) == (200, "/prod/pets", host)


def test_a_custom_domain_from_its_first_handshake_to_its_end(server, gateway, api_id):
    name = f"api-{uuid.uuid4().hex[:8]}.example.test"
    gateway.create_domain_name(
        domainName=name,
        regionalCertificateArn="arn:aws:acm:us-east-1:000000000000:certificate/1",
        endpointConfiguration={"types": ["REGIONAL"]},
    )
    assert get(server, name, "/shop/pets") == (403, {"message": "Forbidden"})
    gateway.create_base_path_mapping(domainName=name, basePath="shop", restApiId=api_id, stage="prod")
    status, body = get(server, name, "/shop/pets")
    assert (status, body) == (200, {"path": "/shop/pets", "domain": name, "canary": ""})
    found = gateway.get_base_path_mapping(domainName=name, basePath="shop")
    assert (found["basePath"], found["restApiId"], found["stage"]) == ("shop", api_id, "prod")
    gateway.delete_domain_name(domainName=name)
    with pytest.raises(ssl.SSLCertVerificationError):
        get(server, name, "/shop/pets")


def test_a_canary_is_made_and_promoted(server, gateway, api_id):
    canary = {"percentTraffic": 100.0}
    made = gateway.create_deployment(restApiId=api_id, stageName="prod", canarySettings=canary)
    host = f"{api_id}.execute-api.localhost"
    assert get(server, host, "/prod/pets")[1]["canary"] == "true"
    promote = [
        {"op": "copy", "from": "/canarySettings/deploymentId", "path": "/deploymentId"},
        {"op": "remove", "path": "/canarySettings"},
    ]
    stage = gateway.update_stage(restApiId=api_id, stageName="prod", patchOperations=promote)
    assert stage["deploymentId"] == made["id"]
    assert get(server, host, "/prod/pets")[1]["canary"] == ""


BALANCER = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/net/inner/1"


class Backend(http.server.BaseHTTPRequestHandler):
    """Answers with the host that it was asked as."""

    def do_GET(self):
        body = json.dumps({"path": self.path, "host": self.headers["Host"]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def backend():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_wildcard_and_a_vpc_link_outlive_a_restart(tmp_path, backend):
    server = RunningServer(tmp_path / "data", "--vpc-links", f"{BALANCER}=http://127.0.0.1:{backend.server_port}")
    server.start()
    try:
        gateway = server.client("apigateway")
        link = gateway.create_vpc_link(name="inner", targetArns=[BALANCER])
        assert link["status"] == "AVAILABLE"
        api = gateway.create_rest_api(name="inner")
        method = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
        gateway.put_method(**method, authorizationType="NONE")
        gateway.put_integration(
            **method,
            type="HTTP_PROXY",
            integrationHttpMethod="GET",
            uri="http://inner.example.com/base",
            connectionType="VPC_LINK",
            connectionId=link["id"],
        )
        gateway.create_deployment(restApiId=api["id"], stageName="prod")
        gateway.create_domain_name(domainName="*.shop.test")
        gateway.create_base_path_mapping(domainName="*.shop.test", restApiId=api["id"], stage="prod")
        expected = (200, {"path": "/base", "host": "inner.example.com"})
        assert get(server, "eu.shop.test", "/") == expected
        assert server.stop() == 0
        server.start()
        assert get(server, "us.shop.test", "/") == expected
    finally:
        server.stop()
