"""Filter policies: which messages a subscription wants.

https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html
"""
