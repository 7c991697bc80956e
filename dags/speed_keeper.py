"""### The stream runs what the catalog wants

Every five minutes. `mend` gives runs that lost their job a new one, starts what was down longer than its log allows
again from the boundary, and ends runs that every replica has left for a newer version. `deploy` starts what is wanted
and not there. `running` waits for each until all its tasks run. `lag` reports how far each is behind.

**Reads** the lake's catalog and list of runs, Flink and Kafka. **Writes** the list of runs, and jobs.

On the local stack the program `speed-keeper` mends every two seconds besides; this DAG is what does it on a cluster,
and what shows it. Both take the same lock, so they cannot submit twice.

**When it fails**

| what is red | do |
|---|---|
| `deploy` | the reason names the rule that refuses the run; `speed_layer/README.md` says what each asks for |
| one of `running` | `tideline speed status` shows the job's failure, `tideline logs flink-taskmanager` the rest |
| `lag` | it names the run and its lag: more than the stream keeps up with, or a partition that does not move |
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable
from airflow.sdk.exceptions import AirflowSkipException

from dags.platform import SETTINGS, deadline
from infra.airflow.flink import JobSensor
from infra.airflow.operators import Command, Done


def job_of(deployed: Done) -> str:
    """The job of a run is called by its id."""
    if deployed["run"] is None:
        raise AirflowSkipException(deployed["because"])
    return str(deployed["run"])


def refused(deployed: list[Done]) -> str:
    """Why events were refused."""
    return "; ".join(f"{each['event']}: {each['because']}" for each in deployed if each["done"] == "refused")


def not_well(runs: list[Done]) -> str:
    """What does not run, or runs over a damaged log."""
    return "; ".join(
        f"{each['event']}: {each['damage'] or each['failure'] or each['state']}, {each['lag']:,} records behind"
        for each in runs
        if each["current"] and (each["state"] != "running" or each["damage"])
    )


with DAG(
    "speed_keeper",
    schedule=CronTriggerTimetable("*/5 * * * *", timezone="UTC"),
    deadline=deadline("speed_keeper", timedelta(minutes=15)),
    doc_md=__doc__,
    **SETTINGS,
) as dag:
    mend = Command(
        task_id="mend",
        arguments=["speed_layer", "keep", "--once"],
        doc_md="One turn of the keeper. What it did is in the log.",
    )
    deploy = Command(
        task_id="deploy",
        arguments=["speed_layer", "deploy", "--no-wait"],
        why=refused,
        doc_md="Submits a job for each event whose views have none. Again, it changes nothing.",
    )
    running = JobSensor.partial(
        task_id="running",
        timeout=180,
        map_index_template="{{ task.job }}",
        doc_md="Waits, without a worker, until every task of one job runs.",
    ).expand(job=deploy.output.map(job_of))
    lag = Command(
        task_id="lag",
        arguments=["speed_layer", "status"],
        why=not_well,
        doc_md="State, position, lag, restarts and last checkpoint of every run; the table is its result.",
    )
    mend >> deploy >> running >> lag
