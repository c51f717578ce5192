"""The description of the REST dialects (OpenAPI 3.1), made of the routing table and of the types that it names."""
