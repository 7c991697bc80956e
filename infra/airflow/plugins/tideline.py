"""What Airflow has to know of ours before it reads a DAG."""

from airflow.plugins_manager import AirflowPlugin

from infra.airflow.freshness import GenerationOf


class Tideline(AirflowPlugin):
    """The deadline of a view, and links to the pages beside Airflow's own."""

    name = "tideline"
    deadline_references = [GenerationOf]  # noqa: RUF012 - the base class's attribute is a plain list
