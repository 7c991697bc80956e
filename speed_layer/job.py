"""Submits stream jobs from plain statements: the only file that imports pyflink, run by `flink run -d -py`.

It knows no definitions: what a job is made of stands in the JSON files of `speed_layer.spec`. Several jobs in one
client cost little more than one, since most of its time is the start of its JVM.
"""

from __future__ import annotations

import argparse
import json
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pyflink.common import Configuration
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import StatementSet, StreamTableEnvironment


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--submission", required=True, type=Path, help="a JSON list of `spec` and `checkpoint` or null")
    parser.add_argument("--explain", action="store_true", help="print each plan as JSON instead of submitting")
    arguments = parser.parse_args()
    for each in json.loads(arguments.submission.read_text()):
        spec, checkpoint = each["spec"], each["checkpoint"]
        if checkpoint is not None:
            # Claimed, a checkpoint is removed once the job's own have taken its place.
            spec["configuration"]["execution.state-recovery.path"] = checkpoint
            spec["configuration"]["execution.state-recovery.claim-mode"] = "CLAIM"
        if arguments.explain:
            print(_plan(spec))
        else:
            _report(spec)


def _report(spec: Mapping[str, Any]) -> None:
    """Submit one job and print one line about it: the others are not to suffer from what is wrong with it."""
    said: dict[str, str] = {"run": spec["configuration"]["pipeline.name"]}
    try:
        _, statements = _statements(spec)
        client = statements.execute().get_job_client()
        said["job"] = str(client.get_job_id()) if client else ""
    except Exception:
        said["error"] = traceback.format_exc()
    print(json.dumps(said), flush=True)


def _plan(spec: Mapping[str, Any]) -> str:
    environment, statements = _statements(spec)
    statements.attach_as_datastream()
    return str(environment.get_execution_plan())


def _statements(spec: Mapping[str, Any]) -> tuple[StreamExecutionEnvironment, StatementSet]:
    configuration = Configuration()
    for key, value in spec["configuration"].items():
        configuration.set_string(key, value)
    environment = StreamExecutionEnvironment.get_execution_environment(configuration)
    tables = StreamTableEnvironment.create(environment)
    for statement in spec["tables"]:
        tables.execute_sql(statement)
    for stage in spec["stages"]:
        # Out to a stream and back: the planner stops there, so what lies before appears once, however many read it.
        stream = tables.to_data_stream(tables.sql_query(stage["query"]))
        tables.create_temporary_view(stage["name"], stream)
    statements = tables.create_statement_set()
    for statement in spec["inserts"]:
        statements.add_insert_sql(statement)
    return environment, statements


if __name__ == "__main__":
    main()
