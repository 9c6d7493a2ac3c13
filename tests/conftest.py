"""What every room's tests can use: `server` and `make_server`, started only where a test asks for them."""

import signal

import hypothesis
import pytest

pytest_plugins = ["tests.live", "tests.web_server"]


def pytest_addoption(parser):
    parser.addoption("--soak-minutes", type=float, default=30.0, help="how long the soak of mixed load goes on")


def pytest_configure():
    # What a shell starts in the background ignores Ctrl-C, and so would every program that a test interrupts.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def soak_minutes(request) -> float:
    return request.config.getoption("--soak-minutes")


# An example that takes long on a busy machine is no defect; whole tests have a time limit anyway.
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")
