"""Listeners: binding, several ports in one loop, TLS, and the order of a stop."""

import asyncio
import datetime as dt
import errno
import os
import signal
import socket
import ssl
import subprocess
import sys
import textwrap

import pytest

from groundwatch import listeners, tls
from groundwatch.aws.http import WireResponse, WireStream
from groundwatch.config import Address
from groundwatch.listeners import Limits, Listener, ListenError

LOOPBACK = Address("127.0.0.1", 0)
LIMITS = Limits()


def answer(text):
    """Return an application that answers every request with this text."""

    async def app(_exchange):
        return WireResponse(200, (), text)

    return app


async def get(address, context=None, host=None):
    """Return the raw answer of a GET on a connection of its own."""
    reader, writer = await asyncio.open_connection(
        address.host, address.port, ssl=context, server_hostname=host if context else None
    )
    writer.write(b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
    response = await reader.read()
    writer.close()
    await writer.wait_closed()
    return response


class Running:
    """Serves in the background of a test."""

    def __init__(self, served, limits=LIMITS):
        self.stop = asyncio.Event()
        self.stopped = 0
        self._ready = asyncio.get_running_loop().create_future()
        bound = listeners.bind_all(served)
        self.task = asyncio.ensure_future(
            listeners.serve(
                served, bound, on_ready=self._ready.set_result, on_stop=self.on_stop, limits=limits, stop=self.stop
            )
        )

    async def on_stop(self):
        self.stopped += 1

    async def __aenter__(self):
        self.addresses = await self._ready
        return self

    async def __aexit__(self, *_):
        self.stop.set()
        await self.task


async def test_an_answer_that_goes_on_is_ended_when_the_stop_begins():
    begun, end = asyncio.Event(), asyncio.Event()

    class Frames:
        async def aclose(self):
            pass

        async def __aiter__(self):
            yield b"first"
            begun.set()
            await end.wait()
            yield b"last"

    async def endless(_exchange):
        return WireStream(200, (), Frames())

    async with Running([Listener("service", LOOPBACK, endless, end_streams=end.set)]) as running:
        getting = asyncio.ensure_future(get(running.addresses[0]))
        await begun.wait()
        running.stop.set()
        response = await asyncio.wait_for(getting, 10)
    assert b"first" in response
    assert b"last" in response


async def test_each_port_has_its_application():
    served = [Listener("service", LOOPBACK, answer(b"one")), Listener("gateway", LOOPBACK, answer(b"two"))]
    async with Running(served) as running:
        first, second = running.addresses
        assert first.port != second.port
        assert (await get(first)).endswith(b"\r\n\r\none")
        assert (await get(second)).endswith(b"\r\n\r\ntwo")
    assert running.stopped == 1


async def test_no_server_header_and_no_trust_in_forwarding_headers():
    seen = []

    async def app(exchange):
        seen.append(exchange.head.source_ip)
        return WireResponse(200, (), b"")

    async with Running([Listener("service", LOOPBACK, app)]) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.addresses[0].port)
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\nx-forwarded-for: 9.9.9.9\r\nconnection: close\r\n\r\n")
        response = await reader.read()
        writer.close()
    assert seen == ["127.0.0.1"]
    assert b"server:" not in response
    assert b"date:" in response


async def test_tls(tmp_path):
    server = tls.set_up_tls("auto", tmp_path / "tls", [], dt.datetime.now(dt.UTC))
    client = ssl.create_default_context(cafile=server.authority)
    async with Running([Listener("gateway", LOOPBACK, answer(b"safe"), server.context)]) as running:
        assert (await get(running.addresses[0], client, "localhost")).endswith(b"safe")


def has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")
@pytest.mark.parametrize("host", ["::1", "::"])
async def test_ipv6(host):
    async with Running([Listener("service", Address(host, 0), answer(b"six"))]) as running:
        assert (await get(Address("::1", running.addresses[0].port))).endswith(b"six")


async def test_a_host_name():
    async with Running([Listener("service", Address("localhost", 0), answer(b"name"))]) as running:
        assert running.addresses[0].host == "localhost"
        assert (await get(running.addresses[0])).endswith(b"name")


def test_a_busy_port_is_one_clear_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ListenError) as caught:
            listeners.bind("service", Address("127.0.0.1", port))
    assert str(caught.value) == (
        f"port {port} on 127.0.0.1 is in use; stop what uses it or choose another with --service"
    )


def test_all_or_none():
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        wanted = [
            Listener("service", Address("127.0.0.1", port), answer(b"")),
            Listener("gateway", Address(*taken.getsockname()), answer(b"")),
        ]
        with pytest.raises(ListenError, match="--gateway"):
            listeners.bind_all(wanted)
    listeners.bind("service", Address("127.0.0.1", port)).close()


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.EACCES, "no permission to listen on port 80; choose one above 1023 with --gateway"),
        (errno.EADDRNOTAVAIL, "10.9.8.7 is no address of this machine; choose one with --gateway"),
        (errno.ENETDOWN, "cannot listen on 10.9.8.7:80: Network is down; choose another address with --gateway"),
    ],
)
def test_other_reasons_not_to_listen(monkeypatch, number, message):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(listeners, "_bind_one", fail)
    with pytest.raises(ListenError) as caught:
        listeners.bind("gateway", Address("10.9.8.7", 80))
    assert str(caught.value) == message


@pytest.mark.parametrize("host", ["a..b", "é" * 70, "."])
def test_a_host_name_that_cannot_be_one(host):
    with pytest.raises(ListenError) as caught:
        listeners.bind("service", Address(host, 0))
    assert str(caught.value) == f"{host} is no host name; choose an address with --service"


def test_an_unknown_host_name(monkeypatch):
    def fail(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(ListenError) as caught:
        listeners.bind("service", Address("no.such.host", 1))
    assert str(caught.value) == (
        "cannot listen on no.such.host:1: Name or service not known; choose another address with --service"
    )


async def test_running_requests_finish_and_new_connections_are_refused():
    arrived, release = asyncio.Event(), asyncio.Event()

    async def app(_exchange):
        arrived.set()
        await release.wait()
        return WireResponse(200, (), b"finished")

    async with Running([Listener("service", LOOPBACK, app)]) as running:
        request = asyncio.ensure_future(get(running.addresses[0]))
        await arrived.wait()
        running.stop.set()
        await until_refused(running.addresses[0])
        assert not running.stopped
        release.set()
        assert (await request).endswith(b"finished")
    assert running.stopped == 1


async def until_refused(address):
    while True:
        try:
            _, writer = await asyncio.open_connection(address.host, address.port)
        except (ConnectionRefusedError, ConnectionResetError):
            # A connection that was on its way when the port closed is reset.
            return
        writer.close()


async def test_a_connection_whose_handshake_ends_after_the_stop_began_does_not_hold_it_up(tmp_path):
    server = tls.set_up_tls("auto", tmp_path / "tls", [], dt.datetime.now(dt.UTC))
    client = ssl.create_default_context(cafile=server.authority)
    async with Running([Listener("gateway", LOOPBACK, answer(b""), server.context)]) as running:
        (address,) = running.addresses
        early = socket.create_connection((address.host, address.port))
        early.setblocking(False)
        # Accepted after the one before it.
        await get(address, client, "localhost")
        running.stop.set()
        await until_refused(address)
        reader, writer = await asyncio.open_connection(sock=early, ssl=client, server_hostname="localhost")
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()
        await writer.wait_closed()


async def test_a_request_that_does_not_end_is_dropped_at_the_limit(caplog):
    arrived = asyncio.Event()

    async def app(_exchange):
        arrived.set()
        await asyncio.Event().wait()

    async with Running([Listener("service", LOOPBACK, app)], Limits(graceful_stop_s=0)) as running:
        request = asyncio.ensure_future(get(running.addresses[0]))
        await arrived.wait()
    assert running.stopped == 1
    assert b"200 OK" not in await request
    assert "timeout graceful shutdown exceeded" in caplog.text


async def test_on_stop_runs_when_a_listener_fails():
    def on_ready(_):
        raise ZeroDivisionError

    stopped = []

    async def on_stop():
        stopped.append(1)

    served = [Listener("service", LOOPBACK, answer(b""))]
    with pytest.raises(ExceptionGroup) as caught:
        await listeners.serve(served, listeners.bind_all(served), on_ready=on_ready, on_stop=on_stop)
    assert caught.group_contains(ZeroDivisionError)
    assert stopped == [1]


PROGRAM = textwrap.dedent("""
    import asyncio, sys
    from groundwatch.aws.http import WireResponse
    from groundwatch.config import Address
    from groundwatch.listeners import Listener, bind_all, run, serve

    def say(*words):
        print(*words, flush=True)

    async def app(_exchange):
        say("arrived")
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        say("answered")
        return WireResponse(200, (), b"done")

    async def on_stop():
        say("stopping")
        if "hang" in sys.argv:
            await asyncio.Event().wait()
        say("stopped")

    async def main():
        listeners = [Listener("service", Address("127.0.0.1", 0), app)]
        await serve(listeners, bind_all(listeners), on_ready=lambda a: say("ready", a[0].port), on_stop=on_stop)

    run(main())
    say("end")
""")


@pytest.fixture
def start():
    """Start the program and return it with its port."""
    started = []

    def run(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        word, port = process.stdout.readline().split()
        assert word == "ready"
        return process, int(port)

    yield run
    for process in started:
        process.kill()
        process.communicate()


def request(port):
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n")
    return connection


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_finishes_what_was_accepted(start, number):
    process, port = start()
    with request(port) as connection:
        assert process.stdout.readline() == "arrived\n"
        process.send_signal(number)
        wait_until_refused(port)
        process.stdin.write("go on\n")
        process.stdin.flush()
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 OK")
    assert process.stdout.read().split() == ["answered", "stopping", "stopped", "end"]
    assert process.wait() == 0


def wait_until_refused(port):
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except (ConnectionRefusedError, ConnectionResetError):
            return


def test_an_idle_connection_does_not_hold_up_the_stop(start):
    process, port = start()
    with socket.create_connection(("127.0.0.1", port)):
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read().split() == ["stopping", "stopped", "end"]


def test_the_second_signal_drops_running_requests(start):
    process, port = start()
    with request(port) as connection:
        assert process.stdout.readline() == "arrived\n"
        process.send_signal(signal.SIGTERM)
        wait_until_refused(port)
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "stopping\n"
        assert not connection.recv(4096).startswith(b"HTTP/1.1 200")
        process.stdin.close()
        process.stdin = None
        assert process.stdout.read().split() == ["stopped", "end"]


def test_a_signal_during_the_closing_ends_it(start):
    process, _ = start("hang")
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "stopping\n"
    process.send_signal(signal.SIGTERM)
    assert process.stdout.read().split() == ["end"]
    assert "stopped by a further signal before everything was closed" in process.stderr.read()
