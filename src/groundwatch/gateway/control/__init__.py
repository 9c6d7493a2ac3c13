"""The control plane of API Gateway: the operations that create, change and publish REST APIs."""
