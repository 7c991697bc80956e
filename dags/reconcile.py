"""### Is what serving answers what raw says?

Every ten minutes, some entities of every view: another part of all of them each time, so that in time each is visited.
**Reads** raw and the log, computes their answers by the reference in plain Python, and asks serving for the same
entities `through` the last closed epoch. What runs have counted, each its own interval, is held against a count of all
records at once. **Writes** a row a view into the Delta table `reconciliations`.

**When it fails**, some answer is wrong: the reason names view, entity, feature, both values, and the segments or epochs
that disagree with their records.

| it names | do |
|---|---|
| a segment | `tideline batch recompute VIEW`, or the DAG `recompute`: the view is built again from raw |
| the stream's epochs | `tideline speed status`, then `tideline batch run`: batch takes over what the stream has wrong |
| neither | serving merges wrongly: keep the row, and report it |
| an event's counts | a table is not what a run counted: `tideline batch recompute` of a view judges and counts all |

`tideline reconcile --list` shows the last ones. A run that is repeated leaves one row.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from dags.platform import SETTINGS, UNHURRIED, deadline, every
from infra.airflow.operators import Command, Done


def differing(done: Done) -> str:
    """Each cell and each count that differs, in a line."""
    cells = [
        f"{each['view']} {cell['entity']} {cell['feature']}: answered {cell['answered']}, expected {cell['expected']}; "
        f"disagreeing: {', '.join(cell['parts']) or 'no part by itself'}"
        for each in done["reconciliations"]
        for cell in each["found"]
    ]
    return "\n".join([*cells, *(each["says"] for each in done["counts"] if not each["equal"])])


with DAG(
    "reconcile",
    schedule=every("*/10 * * * *", "reconcile"),
    deadline=deadline("reconcile", timedelta(minutes=30)),
    doc_md=__doc__,
    **SETTINGS,
) as dag:
    Command(
        task_id="reconcile",
        arguments=["infra.cli", "reconcile", "--run", "{{ run_id }}"],
        skip=lambda done: None if done["reconciliations"] else "no view is published yet",
        why=differing,
        niceness=UNHURRIED,
        doc_md="Compares this hour's part of the entities of every view. Runbook: the page of the DAG.",
    )
