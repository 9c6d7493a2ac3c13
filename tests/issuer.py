"""An issuer of OpenID Connect on a free port: discovery, keys, and tokens for whoever asks."""

import http.server
import json
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager

from joserfc import jwt
from joserfc.jwk import RSAKey

CLAIM = "custom:customer"


class Issuer(http.server.ThreadingHTTPServer):
    """Issues identity tokens; the customer's name is in the claim `custom:customer`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.key = RSAKey.generate_key(2048, {"kid": "one"}, auto_kid=False)

    def token(self, customer: object = None, /, *, key: RSAKey | None = None, **claims: object) -> str:
        """Return a token that is good for five minutes, unless the claims say otherwise."""
        now_s = int(time.time())
        said = {"iss": self.url, "sub": "ann", "aud": "app", "token_use": "id", "iat": now_s, "exp": now_s + 300}
        if customer is not None:
            said[CLAIM] = customer
        return jwt.encode({"alg": "RS256", "kid": "one"}, {**said, **claims}, key or self.key)

    def document(self, path: str) -> object:
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        return {"keys": [self.key.as_dict(private=False)]}


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Issuer

    def do_GET(self):
        self._answer(self.server.document(self.path))

    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
        self._answer({"id_token": self.server.token(form["username"][0], sub=form["username"][0])})

    def _answer(self, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args):
        pass


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    with Issuer() as issuer:
        thread = threading.Thread(target=issuer.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield issuer
        finally:
            issuer.shutdown()
            thread.join()
