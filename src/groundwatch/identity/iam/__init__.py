"""IAM (API version 2010-05-08): users, roles, access keys and inline policies."""
