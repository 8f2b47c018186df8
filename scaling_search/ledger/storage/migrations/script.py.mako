"""${message}."""

import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Add, never change: rows of earlier schemas keep their digests."""
    ${upgrades if upgrades else "pass"}
