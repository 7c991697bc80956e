"""`python -m infra.airflow.metadata SLOTS`: Airflow's tables and the pool of Spark applications, in one process."""

from __future__ import annotations

import sys

from airflow.models.pool import Pool
from airflow.utils.db import initdb, upgradedb
from airflow.utils.session import create_session


def main(slots: int) -> None:
    """Safe to repeat; a new stack and one of an earlier Airflow both come to the tables of this one."""
    initdb()
    upgradedb()
    with create_session() as session:
        Pool.create_or_update_pool(
            "spark", slots=slots, description="Spark applications at once", include_deferred=False, session=session
        )


if __name__ == "__main__":
    main(int(sys.argv[1]))
