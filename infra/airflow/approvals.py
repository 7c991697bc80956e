"""A person's word on what a task did, before the next one goes on."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.standard.operators.hitl import ApprovalOperator


def done_by(task: str) -> str:
    """The expression, for templates, of what a task of the same mapped group did."""
    return f"ti.xcom_pull(task_ids='{task}', map_indexes=ti.map_index)"


def approve(done: str, *, subject: str, shows: str) -> ApprovalOperator:
    """The task `approve`: waits two days for a person, who sees all that the expression `done` gives."""
    return ApprovalOperator(
        task_id="approve",
        subject=subject,
        # The page shows Markdown, which would run the lines together.
        body=f"```json\n{{{{ {done} | tojson(indent=2) }}}}\n```",
        response_timeout=timedelta(days=2),
        execution_timeout=None,
        doc_md=f"Waits for a person. *Required Actions* shows {shows}.",
    )
