"""Files whose examples pytest cannot read: one is run by alembic alone, the others are parts of exported programs."""

collect_ignore_glob = ["scaling_search/ledger/storage/migrations/env.py", "scaling_search/export/pieces/*"]
