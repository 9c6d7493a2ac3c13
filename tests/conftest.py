"""What every room's tests can use: `server` and `make_server`, started only where a test asks for them."""

import hypothesis

pytest_plugins = ["tests.live"]

# An example that takes long on a busy machine is no defect; whole tests have a time limit anyway.
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")
