"""What every room's tests can use: `server` and `make_server`, started only where a test asks for them."""

pytest_plugins = ["tests.live"]
