"""Import of REST APIs from OpenAPI 3.0 and Swagger 2.0 documents with `x-amazon-apigateway-*` extensions.

document (bytes → checked tree) → dialect and reader (tree → draft) → merge (draft into an API).
"""
