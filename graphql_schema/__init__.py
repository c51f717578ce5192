"""The API as types: what a client may ask in GraphQL, and how it is answered."""
