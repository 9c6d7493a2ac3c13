"""TLS files: what is made, when it is kept, and whether a client that trusts the authority accepts it."""

import datetime as dt
import socket
import ssl
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from groundwatch import tls
from groundwatch.config import TlsFiles

NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "tls"


def serial(path):
    return x509.load_pem_x509_certificate(path.read_bytes()).serial_number


def test_files_are_private(directory):
    tls.ensure_local_certificate(directory, ["127.0.0.1"], NOW)
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in directory.iterdir()} == {
        "ca.pem": "0o600",
        "ca-key.pem": "0o600",
        "server.pem": "0o600",
        "server-key.pem": "0o600",
    }
    assert directory.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("name", "accepted"),
    [
        pytest.param("localhost", True, id="localhost"),
        pytest.param("a1b2c3.execute-api.localhost", True, id="an API's own name"),
        pytest.param("127.0.0.1", True, id="IPv4 loopback"),
        pytest.param("::1", True, id="IPv6 loopback"),
        pytest.param("10.1.2.3", True, id="the bound host"),
        pytest.param("example.com", False, id="another name"),
        pytest.param("10.1.2.4", False, id="another address"),
    ],
)
def test_a_client_that_trusts_the_authority(directory, name, accepted):
    server = tls.set_up_tls("auto", directory, ["10.1.2.3"], NOW)
    client = ssl.create_default_context(cafile=server.authority)
    # What Python 3.13 and newer ask for by default.
    client.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    if accepted:
        assert handshake(server.context, client, name) == "http/1.1"
    else:
        with pytest.raises(ssl.SSLCertVerificationError):
            handshake(server.context, client, name)


def handshake(server_context, client_context, name):
    """Return the protocol that both sides agreed on."""
    near, far = socket.socketpair()
    client_context.set_alpn_protocols(["h2", "http/1.1"])
    thread = threading.Thread(target=accept, args=(server_context, far))
    thread.start()
    try:
        with near, client_context.wrap_socket(near, server_hostname=name) as wrapped:
            return wrapped.selected_alpn_protocol()
    finally:
        thread.join()


def accept(context, sock):
    try:
        with sock, context.wrap_socket(sock, server_side=True) as wrapped:
            wrapped.recv(1)
    except (ssl.SSLError, OSError):
        pass


@pytest.mark.parametrize(
    ("later", "hosts", "same_certificate"),
    [
        pytest.param(DAY, ["127.0.0.1"], True, id="the next day it is kept"),
        pytest.param(336 * DAY, ["127.0.0.1"], True, id="kept while it has over 60 days left"),
        pytest.param(338 * DAY, ["127.0.0.1"], False, id="issued anew near its end"),
        pytest.param(DAY, ["0.0.0.0"], False, id="issued anew for another host"),
        pytest.param(-DAY, ["127.0.0.1"], False, id="issued anew when the clock went back"),
    ],
)
def test_renewal_keeps_the_authority(directory, later, hosts, same_certificate):
    before = tls.ensure_local_certificate(directory, ["127.0.0.1"], NOW)
    serials = serial(before.certificate), serial(directory / "ca.pem")
    after = tls.ensure_local_certificate(directory, hosts, NOW + later)
    assert (serial(after.certificate) == serials[0]) is same_certificate
    assert serial(directory / "ca.pem") == serials[1]


@pytest.mark.parametrize("name", ["server.pem", "server-key.pem"])
@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_damaged_certificate_is_issued_anew(directory, name, content):
    files = tls.ensure_local_certificate(directory, [], NOW)
    if content is None:
        (directory / name).unlink()
    else:
        (directory / name).write_bytes(content)
    assert tls.ensure_local_certificate(directory, [], NOW) == files
    tls.server_context(files)


def test_a_key_of_another_certificate_is_replaced(directory, tmp_path):
    files = tls.ensure_local_certificate(directory, [], NOW)
    other = tls.ensure_local_certificate(tmp_path / "other", [], NOW)
    files.key.write_bytes(other.key.read_bytes())
    tls.server_context(tls.ensure_local_certificate(directory, [], NOW))


@pytest.mark.parametrize("damage", ["missing", "empty"])
def test_a_trusted_authority_is_not_replaced_silently(directory, damage):
    tls.ensure_local_certificate(directory, [], NOW)
    key = directory / "ca-key.pem"
    key.unlink() if damage == "missing" else key.write_bytes(b"")
    # Nothing has to be signed: the server starts.
    tls.ensure_local_certificate(directory, [], NOW)
    with pytest.raises(tls.TlsError, match=r"are not a certificate authority and its key; restore them, or delete"):
        tls.ensure_local_certificate(directory, ["10.0.0.1"], NOW)


def test_a_new_authority_when_the_old_one_ends(directory):
    tls.ensure_local_certificate(directory, [], NOW)
    before = serial(directory / "ca.pem")
    tls.server_context(tls.ensure_local_certificate(directory, [], NOW + 19.5 * 365 * DAY))
    assert serial(directory / "ca.pem") != before


def test_off():
    assert tls.set_up_tls("off", None, [], NOW) is None


def test_own_files(directory):
    files = tls.ensure_local_certificate(directory, [], NOW)
    server = tls.set_up_tls(files, directory, [], NOW)
    assert (server.files, server.authority) == (files, None)
    assert server.trust_hint == f"TLS uses the certificate in {files.certificate}."


def test_the_hint_names_the_authority(directory):
    server = tls.set_up_tls("auto", directory, [], NOW)
    assert server.trust_hint == (
        f"Clients trust this server by its local certificate authority: curl --cacert {directory / 'ca.pem'} …"
    )


@pytest.fixture
def own(tmp_path):
    """Names of own files, made in the ways that operators get wrong."""
    files = tls.ensure_local_certificate(tmp_path / "one", [], NOW)
    other = tls.ensure_local_certificate(tmp_path / "two", [], NOW)
    encrypted = tmp_path / "encrypted.pem"
    encrypted.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    (tmp_path / "text.pem").write_text("hello")
    return {
        "certificate": files.certificate,
        "key": files.key,
        "other key": other.key,
        "encrypted": encrypted,
        "text": tmp_path / "text.pem",
        "none": tmp_path / "none.pem",
    }


@pytest.mark.parametrize(
    ("certificate", "key", "message"),
    [
        ("none", "key", "cannot read .*none.pem: No such file or directory; give --tls CERT,KEY"),
        ("certificate", "none", "cannot read .*none.pem: No such file or directory; give --tls CERT,KEY"),
        ("text", "key", "are not a PEM certificate and its private key"),
        ("certificate", "text", "are not a PEM certificate and its private key"),
        ("certificate", "other key", "the key belongs to another certificate"),
        ("certificate", "encrypted", "the private key is encrypted; give one without a passphrase"),
    ],
)
def test_unusable_own_files(own, certificate, key, message):
    with pytest.raises(tls.TlsError, match=message):
        tls.server_context(TlsFiles(own[certificate], own[key]))
