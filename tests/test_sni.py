"""Which certificate a TLS client is shown for which name."""

import datetime as dt
import os
import socket
import ssl
import threading

import pytest
from cryptography import x509
from tests.waiting import until

from groundwatch import tls
from groundwatch.app.local_certificates import LocalCertificates, Renewal
from groundwatch.config import TlsFiles
from groundwatch.sni import REFRESH_S, CertificatePair, HostCertificates

NOW = dt.datetime.now(dt.UTC)


@pytest.fixture
def authority(tmp_path):
    """A local authority with the listener's certificate, in DATA/tls."""
    return tls.set_up_tls("auto", tmp_path / "tls", ["127.0.0.1"], NOW)


@pytest.fixture
def issue(authority, tmp_path):
    return lambda name: CertificatePair(*tls.issue_local_certificate(tmp_path / "tls", name, NOW))


@pytest.fixture
def put(issue, tmp_path):
    """Put a certificate for a name into the operator's directory."""
    directory = tmp_path / "domains"
    directory.mkdir()

    def write(stem, name):
        pair = issue(name)
        (directory / f"{stem}.pem").write_text(pair.chain_pem)
        (directory / f"{stem}-key.pem").write_text(pair.key_pem)
        return directory

    return write


def shown(context, name):
    """Return the names in the certificate that a client gets who asks for `name`."""
    near, far = socket.socketpair()
    client = ssl.create_default_context()
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    thread = threading.Thread(target=accept, args=(context, far))
    thread.start()
    try:
        with near, client.wrap_socket(near, server_hostname=name) as wrapped:
            assert wrapped.version() in {"TLSv1.2", "TLSv1.3"}
            certificate = x509.load_der_x509_certificate(wrapped.getpeercert(binary_form=True))
    finally:
        thread.join()
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.DNSName)


def accept(context, sock):
    try:
        with sock, context.wrap_socket(sock, server_side=True) as wrapped:
            wrapped.recv(1)
    except (ssl.SSLError, OSError):
        pass


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        pytest.param("api.example.com", ["api.example.com"], id="the-very-name"),
        pytest.param("API.example.com", ["api.example.com"], id="names-have-no-case"),
        pytest.param("other.example.com", ["*.example.com"], id="a-wildcard"),
        pytest.param("uploaded.test", ["uploaded.test"], id="an-owners-own"),
        pytest.param("both.test", ["both.test"], id="the-operators-before-the-owners"),
        pytest.param("a.b.example.com", None, id="a-wildcard-is-one-label"),
        pytest.param("localhost", None, id="the-listeners"),
        pytest.param("broken.test", None, id="what-cannot-be-used-is-not-shown"),
        pytest.param(None, None, id="no-name"),
    ],
)
def test_the_certificate_of_a_name(authority, issue, put, asked, names):
    put("api", "api.example.com")
    put("both", "both.test")
    directory = put("wild", "*.example.com")
    uploaded = {
        "uploaded.test": issue("uploaded.test"),
        "both.test": issue("not.this"),
        "broken.test": CertificatePair("no certificate", "no key"),
    }
    HostCertificates(directory, uploaded.get).install(authority.context)
    found = shown(authority.context, asked)
    assert found == names if names is not None else "localhost" in found


def test_renewed_files_are_read(authority, put):
    directory = put("api", "api.example.com")
    HostCertificates(directory, lambda _: None).install(authority.context)
    put("api", "api.example.com")
    # Without waiting for the clock of the file system to tick.
    for path in directory.iterdir():
        os.utime(path, ns=(1, 1))
    serial = x509.load_pem_x509_certificate((directory / "api.pem").read_bytes()).serial_number
    assert serial_shown(authority.context) == serial
    (directory / "api.pem").write_text("half of a file")
    assert serial_shown(authority.context) == serial


def serial_shown(context):
    near, far = socket.socketpair()
    client = ssl.create_default_context()
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    thread = threading.Thread(target=accept, args=(context, far))
    thread.start()
    try:
        with near, client.wrap_socket(near, server_hostname="api.example.com") as wrapped:
            return x509.load_der_x509_certificate(wrapped.getpeercert(binary_form=True)).serial_number
    finally:
        thread.join()


def test_a_name_that_a_renewal_adds_is_known_within_a_second(authority, put):
    directory, now_s = put("api", "api.example.com"), [0.0]
    HostCertificates(directory, lambda _: None, clock_s=lambda: now_s[0]).install(authority.context)
    put("api", "more.example.com")
    for path in directory.iterdir():
        os.utime(path, ns=(1, 1))
    # Files are not looked at for each of a thousand handshakes.
    assert "localhost" in shown(authority.context, "more.example.com")
    now_s[0] = REFRESH_S
    assert shown(authority.context, "more.example.com") == ["more.example.com"]


@pytest.mark.parametrize("asked", ["api.example.com", "elsewhere.test", None])
def test_the_listeners_own_files_are_read_again_too(authority, issue, asked):
    own = authority.files
    HostCertificates(None, lambda _: None, own).install(authority.context)
    assert "localhost" in shown(authority.context, asked)
    pair = issue("api.example.com")
    own.certificate.write_text(pair.chain_pem)
    os.utime(own.certificate, ns=(1, 1))
    assert "localhost" in shown(authority.context, asked), "half of a renewal"
    own.key.write_text(pair.key_pem)
    os.utime(own.key, ns=(1, 1))
    assert shown(authority.context, asked) == ["api.example.com"]
    own.certificate.unlink()
    assert shown(authority.context, asked) == ["api.example.com"], "no file is no reason to show none"


def test_own_files_need_name_no_hosts(authority, tmp_path, put):
    put("api", "api.example.com")
    HostCertificates(tmp_path / "domains", lambda _: None, authority.files).install(authority.context)
    assert shown(authority.context, "api.example.com") == ["api.example.com"]
    assert "localhost" in shown(authority.context, "other.test")


@pytest.mark.parametrize(
    ("remove", "message"),
    [
        ("api-key.pem", "api.pem has no key; put it beside it as api-key.pem"),
        ("", "cannot read"),
    ],
)
def test_what_stops_the_start(put, remove, message):
    directory = put("api", "api.example.com")
    (directory / remove).unlink() if remove else directory.rename(directory.with_name("moved"))
    with pytest.raises(tls.TlsError, match=message):
        HostCertificates(directory, lambda _: None)


def test_a_key_without_a_certificate_does_no_harm(put, tmp_path):
    directory = put("api", "api.example.com")
    (directory / "other-key.pem").write_text("x")
    HostCertificates(directory, lambda _: None)


def test_local_certificates_are_issued_once(authority, tmp_path):
    local = LocalCertificates(tmp_path / "tls")
    pair = local.pair("*.example.test")
    assert local.pair("*.example.test") is pair
    authority_certificate = x509.load_pem_x509_certificate((tmp_path / "tls" / "ca.pem").read_bytes())
    x509.load_pem_x509_certificate(pair.chain_pem.encode()).verify_directly_issued_by(authority_certificate)


async def test_the_local_certificate_is_issued_anew_while_the_server_runs(authority, tmp_path):
    HostCertificates(None, lambda _: None, authority.files).install(authority.context)
    before = authority.files.certificate.read_bytes()
    # Of its 397 days, 60 are left.
    renewal = Renewal(tmp_path / "tls", ["127.0.0.1"], lambda: NOW + dt.timedelta(days=338))
    renewal.start()
    try:
        await until(lambda: authority.files.certificate.read_bytes() != before, "a new certificate")
    finally:
        await renewal.stop()
    serial = x509.load_pem_x509_certificate(authority.files.certificate.read_bytes()).serial_number
    assert serial_shown(authority.context) == serial


async def test_a_certificate_that_is_still_good_is_kept(authority, tmp_path):
    before = authority.files.certificate.read_bytes()
    asked = []

    def clock():
        asked.append(1)
        return NOW + dt.timedelta(days=300)

    renewal = Renewal(tmp_path / "tls", ["127.0.0.1"], clock)
    renewal.start()
    await until(lambda: asked, "a round")
    await renewal.stop()
    assert authority.files.certificate.read_bytes() == before


def test_a_service_context_is_not_touched(authority):
    HostCertificates(None, lambda _: None)
    assert authority.context.sni_callback is None
    assert isinstance(authority.files, TlsFiles)
