"""### Kafka → raw Delta tables, every few minutes

**Reads** the topic of every applied event. **Writes** its raw table: bytes as received, each record exactly once, with
a tick in every partition first, so that a quiet partition does not hold the boundary back. **Emits** the asset of each
raw table, with how many records came.

Any cadence will do: answers are fresh through the stream meanwhile. What this sets is how soon batch takes over.

**When it fails**

| the log says | do |
|---|---|
| the log has lost records | produce them again; without them, `tideline batch accept-loss EVENT` goes on |
| Kafka does not answer | `tideline status`; nothing is lost, the next run takes everything |
| the lake takes no writes | make room; nothing is half there, the next run takes everything |
| a partition took no tick | the boundary waits for it and answers stay exact; look at the broker |

Clearing it or running it twice at once changes nothing: offsets are committed with the rows.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Context

from dags.platform import RAW, SETTINGS, deadline, every
from infra.airflow.operators import Application, Done


def received(done: Done, context: Context) -> None:
    """Records by event, ticks included."""
    for event, asset in RAW.items():
        context["outlet_events"][asset].extra = {"records": done["archived"].get(event, 0)}


with DAG(
    "archive",
    schedule=every("*/4 * * * *", "archive"),
    deadline=deadline("archive", timedelta(minutes=15)),
    doc_md=__doc__,
    **SETTINGS,
) as dag:
    Application(
        task_id="archive",
        arguments=["archive"],
        outlets=list(RAW.values()),
        emit=received,
        doc_md="Ticks every partition, then appends to raw at least up to the ticks. Runbook: the page of the DAG.",
    )
