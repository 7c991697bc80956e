"""The settings of a Spark application: those that results and speed rest on, and those of a driver on this machine.

Free of Spark, so that a stack can write a properties file from them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from schemas.core.errors import UnavailableError
from schemas.settings import Settings

HEAP: Final = "1500m"

PROPERTIES: Final = "TIDELINE_SPARK_PROPERTIES"
"""The variable that names a properties file for what is submitted; unset, the settings are the cluster's alone."""

SESSION: Final[Mapping[str, str]] = {
    "spark.app.name": "tideline",
    "spark.sql.session.timeZone": "UTC",
    # Stages of several views run side by side on the same few cores.
    "spark.scheduler.mode": "FAIR",
    "spark.sql.shuffle.partitions": "4",
    "spark.sql.adaptive.coalescePartitions.parallelismFirst": "false",
    # With long projections, looking for what they share costs more than computing it twice.
    "spark.sql.subexpressionElimination.enabled": "false",
    # A constant of a definition may hold `${…}`, which is text and no variable.
    "spark.sql.variable.substitute": "false",
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.sql.streaming.metricsEnabled": "false",
    # What is judged is kept for two passes: looking for a good encoding takes longer than it saves.
    "spark.sql.inMemoryColumnarStorage.compressed": "false",
}
"""What every application has, on whatever cluster; a value that the cluster sets itself goes first."""

_ON_LOOPBACK: Final[Mapping[str, str]] = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": HEAP,
}


def on_this_machine(settings: Settings, *, local: bool = True) -> dict[str, str]:
    """All settings of a driver that runs here; `local` where its tasks do too.

    Raises `UnavailableError` where the jars are not there.
    """
    jars = sorted(settings.jars.glob("spark/*.jar"))
    if not jars:
        raise UnavailableError(f"no Spark jars under `{settings.jars / 'spark'}`; run `make setup`")
    return {
        **SESSION,
        **_ON_LOOPBACK,
        # On its class path from the start, their classes are mapped with those of Spark.
        "spark.driver.extraClassPath": os.pathsep.join(str(jar) for jar in jars),
        **({} if local else {"spark.jars": ",".join(str(jar) for jar in jars)}),
        "spark.local.dir": str(settings.home / "spark"),
        "spark.driver.extraJavaOptions": _java_options(settings, local=local),
    }


def properties(settings: Settings) -> str:
    """The properties file of what `spark-submit` starts on this machine."""
    return "".join(f"{name} {value}\n" for name, value in on_this_machine(settings).items())


def _java_options(settings: Settings, *, local: bool) -> str:
    configuration = Path(__file__).with_name("log4j2.properties")
    # A verdict is generated as one method larger than the machine compiles by itself, and would be interpreted.
    # A local command ends before the optimising compiler has paid for itself: it would take the cores from the tasks.
    # Compiled code has 48 MB then, which a session of many plans fills; Java ends calls with an error once it is full.
    compiler = "-XX:-DontCompileHugeMethods -XX:ReservedCodeCacheSize=240m"
    compiler += " -XX:TieredStopAtLevel=1" if local else ""
    logging_to = f'"-Dlog4j2.configurationFile={configuration}" "-Dtideline.log={settings.logs / "spark.log"}"'
    classes = f'"-XX:SharedArchiveFile={settings.spark_classes}"' if settings.spark_classes.exists() else ""
    return f"{compiler} -XX:+UseParallelGC -XX:-UsePerfData {logging_to} {classes}".rstrip()
