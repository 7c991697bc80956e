"""The Spark session of one command."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pyspark import SparkConf, SparkContext
from pyspark.java_gateway import launch_gateway
from pyspark.sql import SparkSession

from schemas.core.errors import UnavailableError
from schemas.settings import Settings

MASTER: Final = "TIDELINE_SPARK_MASTER"
HEAP: Final = "1500m"

_CONFIGURATION: Final[Mapping[str, str]] = {
    "spark.app.name": "tideline",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": HEAP,
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


@contextmanager
def spark_session(settings: Settings, environment: Mapping[str, str] = os.environ) -> Iterator[SparkSession]:
    """A session that is stopped at the end; raises `UnavailableError` where the jars are not there.

    The master is `local[2]`, or what `TIDELINE_SPARK_MASTER` names.
    """
    jars = sorted(settings.jars.glob("spark/*.jar"))
    if not jars:
        raise UnavailableError(f"no Spark jars under `{settings.jars / 'spark'}`; run `make setup`")
    master = environment.get(MASTER, "local[2]")
    configuration = SparkConf().setMaster(master)
    configuration.setAll(list(_CONFIGURATION.items()))
    configuration.set("spark.jars", ",".join(str(jar) for jar in jars))
    configuration.set("spark.local.dir", str(_made(settings.home / "spark")))
    configuration.set(
        "spark.driver.extraJavaOptions",
        _java_options(_made(settings.logs) / "spark.log", local=master.startswith("local")),
    )
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    # pyspark repeats on standard error, as JSON, each error that it raises.
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)
    with (_made(settings.logs) / "spark-process.log").open("ab") as log:
        gateway = launch_gateway(configuration, {"stdout": log, "stderr": log})  # type: ignore[no-untyped-call]
    context = SparkContext(conf=configuration, gateway=gateway)
    spark = SparkSession.builder.config(conf=configuration).getOrCreate()
    assert spark.sparkContext is context
    try:
        yield spark
    finally:
        spark.stop()
        gateway.shutdown()


def _java_options(log: Path, *, local: bool) -> str:
    configuration = Path(__file__).with_name("log4j2.properties")
    # A verdict is generated as one method larger than the machine compiles by itself, and would be interpreted.
    # A local command ends before the optimising compiler has paid for itself: it would take the cores from the tasks.
    compiler = "-XX:-DontCompileHugeMethods" + (" -XX:TieredStopAtLevel=1" if local else "")
    logging_to = f'"-Dlog4j2.configurationFile={configuration}" "-Dtideline.log={log}"'
    return f"{compiler} -XX:+UseParallelGC -XX:-UsePerfData {logging_to}"


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
