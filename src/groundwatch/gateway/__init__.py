"""API Gateway: REST API definitions, the request pipeline, mapping templates, integrations, control plane."""
