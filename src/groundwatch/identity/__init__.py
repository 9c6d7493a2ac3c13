"""Who is it, and may they: accounts, users, roles, access keys, the policy language, IAM and STS."""
