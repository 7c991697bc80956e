"""Writing what a stack is run from; what has not changed is left as it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from batch_layer import spark_settings
from infra.java import Java
from infra.stack import airflow, flink, kafka, supervisor
from infra.stack.layout import Layout
from infra.stack.programs import Program, client_script, own_environment, script


def write(layout: Layout, java: Java, programs: Sequence[Program]) -> set[str]:
    """Write configuration and start scripts.

    Returns the names of the programs that run by another script than was there, `supervisord` among them.
    """
    flink.link_libraries(layout)
    configured = _configuration(layout)
    for path, text in configured.items():
        replace_text(path, text)
    changed = set()
    environment = own_environment(layout, java)
    for program in programs:
        bearing = "".join(text for path, text in configured.items() if bears_on(path, program.name))
        if _replace_script(layout.programs / program.name, script(program, layout, environment, bearing)):
            changed.add(program.name)
    _replace_script(layout.flink_client, client_script(layout, java))
    if replace_text(layout.configuration / "supervisord.conf", supervisor.configuration(layout, programs)):
        changed.add("supervisord")
    return changed


def bears_on(path: Path, program: str) -> bool:
    """Whether a program has to start again when this file changes."""
    return program.partition("-")[0] in (path.parent.name, path.name.partition(".")[0].partition("-")[0])


def replace_text(path: Path, text: str) -> bool:
    """Write the whole file or nothing; whether it differed."""
    if path.is_file() and path.read_text() == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.write_text(text)
    new.replace(path)
    return True


def _replace_script(path: Path, text: str) -> bool:
    differed = replace_text(path, text)
    path.chmod(0o700)
    return differed


def _configuration(layout: Layout) -> dict[Path, str]:
    files = {
        kafka.properties_file(layout): kafka.properties(layout),
        kafka.log4j2_file(layout): kafka.LOG4J2,
        layout.flink_configuration / "config.yaml": flink.configuration(layout),
        layout.flink_configuration / "log4j-console.properties": flink.LOG4J,
        layout.flink_configuration / "log4j-cli.properties": flink.LOG4J_CLIENT,
    }
    if not layout.settings.airflow:
        return files
    return {
        **files,
        airflow.configuration_file(layout): airflow.configuration(layout),
        layout.spark_properties: spark_settings.properties(layout.settings),
    }
