"""### Delete what nobody needs any more

Every night, a task a layer. **Reads** the generations that can be rolled back to, the chunks that wait for publication,
and the runs that are started. **Writes** less: segments that none of these needs are discarded, tables of views and
contracts that are gone are removed, small files are compacted, files that no version needs are vacuumed; topics,
consumer groups and checkpoints of ended runs are deleted. Serving sweeps its own store by itself.

Safe beside anything and at any time. Whatever is less than a day old stays, so that a build which is running or frozen
may still be published.

**When it fails**, clear it: it begins again with what is left. `tideline upkeep --dry-run` says what would go. What a
table was too busy for stands in the result under `left`, and is done the next night.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from dags.platform import SETTINGS, UNHURRIED, deadline, every
from infra.airflow.operators import Command

with DAG(
    "upkeep",
    schedule=every("30 3 * * *", "upkeep"),
    deadline=deadline("upkeep", timedelta(hours=3)),
    doc_md=__doc__,
    **SETTINGS,
) as dag:
    Command(
        task_id="lake",
        arguments=["batch_layer", "upkeep"],
        niceness=UNHURRIED,
        doc_md="Segments, tables and files. What went is the result, with counts and bytes.",
    )
    Command(
        task_id="stream",
        arguments=["speed_layer", "upkeep"],
        niceness=UNHURRIED,
        doc_md="Topics, groups and checkpoints of runs that have ended.",
    )
