"""The data layer: nouns, rules, commands, SQL, the batch engine. Knows no HTTP and no GraphQL."""
