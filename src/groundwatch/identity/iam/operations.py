"""All of IAM that this server offers, as one object for the service port."""

from __future__ import annotations

from groundwatch.identity.iam.attachments import AttachmentOperations
from groundwatch.identity.iam.groups import GroupOperations
from groundwatch.identity.iam.keys import AccessKeyOperations
from groundwatch.identity.iam.managed import ManagedPolicyOperations
from groundwatch.identity.iam.policies import InlinePolicyOperations
from groundwatch.identity.iam.roles import RoleOperations
from groundwatch.identity.iam.simulation import SimulationOperations
from groundwatch.identity.iam.summary import SummaryOperations
from groundwatch.identity.iam.tags import TagOperations
from groundwatch.identity.iam.users import UserOperations


class IamOperations(
    UserOperations,
    AccessKeyOperations,
    RoleOperations,
    GroupOperations,
    TagOperations,
    InlinePolicyOperations,
    ManagedPolicyOperations,
    AttachmentOperations,
    SimulationOperations,
    SummaryOperations,
):
    """The operations of IAM; permission to call them is checked before, by `identity.access.iam_access`."""
