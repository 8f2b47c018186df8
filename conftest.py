"""Files whose examples pytest cannot read: alembic runs one, the others are exported programs or parts of them."""

collect_ignore_glob = [
    "scaling_search/ledger/storage/migrations/env.py",
    "scaling_search/export/pieces/*",
    "tests/export/goldens/*",
]
