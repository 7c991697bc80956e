"""### The stream runs what the catalog wants

Every five minutes. `mend` gives runs that lost their job a new one, starts what was down longer than its log allows
again from the boundary, and ends runs that every replica has left for a newer version. `deploy` starts what is wanted
and not there. `running` waits for each until all its tasks run. `lag` reports how far each is behind.

**Reads** the lake's catalog and list of runs, Flink and Kafka. **Writes** the list of runs, and jobs.

On the local stack the program `speed-keeper` mends every two seconds besides; this DAG is what does it on a cluster,
and what shows it. Both take the same lock, so they cannot submit twice.

By hand, with the parameter `restart`, the job of that run is ended first, with a savepoint if you want to look into
its state; the run then goes on from its own last checkpoint.

**When it fails**

| what is red | do |
|---|---|
| `deploy` | the reason names the rule that refuses the run; `speed_layer/README.md` says what each asks for |
| one of `running` | `tideline speed status` shows the job's failure, `tideline logs flink-taskmanager` the rest |
| `lag` | it names the run and its lag: more than the stream keeps up with, or a partition that does not move |
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param
from airflow.sdk.exceptions import AirflowSkipException

from dags.platform import SETTINGS, deadline, every
from infra.airflow.flink import EndJob, JobSensor
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
    schedule=every("*/5 * * * *", "speed_keeper"),
    deadline=deadline("speed_keeper", timedelta(minutes=15)),
    doc_md=__doc__,
    params={
        "restart": Param("", type="string", description="A run, as `tideline speed status` names it."),
        "savepoint": Param(False, type="boolean", description="Keep its state as a savepoint first."),
    },
    **SETTINGS,
) as dag:
    end = EndJob(
        task_id="end",
        job="{{ params.restart }}",
        how="{{ 'stop' if params.savepoint else 'cancel' }}",
        doc_md="Ends the job that the parameter names; skipped where it names none. A savepoint is its result.",
    )
    mend = Command(
        task_id="mend",
        arguments=["speed_layer", "keep", "--once"],
        trigger_rule="none_failed",
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
    end >> mend >> deploy >> running >> lag
