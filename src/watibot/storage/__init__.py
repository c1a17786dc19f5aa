"""Adapter: the promises of `ports/store.py` kept in SQLite or PostgreSQL.

`store.py` is the door; behind it each file keeps one noun's rows (`inbox`, `claims`, `turnbook`,
`outbox`, `records`, `mirrored`), and `writer.py` runs their transactions.
"""
