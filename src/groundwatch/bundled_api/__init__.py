"""The REST API that comes with the server: an ordinary definition, role, key and usage plan, made at the first start.

Everything is made through the same operations that a user would call, so it can be changed and deleted like any other.
"""

from groundwatch.bundled_api.install import BundledApi, ControlPlane, Iam, find, install

__all__ = ["BundledApi", "ControlPlane", "Iam", "find", "install"]
