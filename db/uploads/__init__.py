"""The upload engine: applies accepted batches, and stores records that wait once what they refer to has come.

`chains` says what becomes of records that were given in order (pure), `stores` writes it; `turns`, `settling` and
`sweeping` are the transactions of the engine, `engine` is its loop. Nothing is kept in memory between two turns.
"""
