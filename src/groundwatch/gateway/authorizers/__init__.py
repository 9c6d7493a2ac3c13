"""Who may call a method: signatures, tokens of issuers, functions, and the resource policy of the API."""
