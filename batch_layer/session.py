"""The Spark session of one command."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from py4j.protocol import Py4JJavaError
from pyspark import SparkConf, SparkContext
from pyspark.java_gateway import launch_gateway
from pyspark.sql import SparkSession

from batch_layer.spark_settings import SESSION, on_this_machine
from schemas.core.errors import TidelineError
from schemas.settings import Settings

MASTER: Final = "TIDELINE_SPARK_MASTER"

_SUBMITTED: Final = "PYSPARK_GATEWAY_PORT"
"""Set by `spark-submit` for the application that it starts."""


@contextmanager
def spark_session(settings: Settings, environment: Mapping[str, str] = os.environ) -> Iterator[SparkSession]:
    """A session that is stopped at the end; raises `UnavailableError` where the jars are not there.

    In an application of `spark-submit` the master is what that was told, else `local[2]` or what
    `TIDELINE_SPARK_MASTER` names.
    """
    # pyspark repeats on standard error, as JSON, each error that it raises.
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)
    for folder in (settings.home / "spark", settings.logs):
        folder.mkdir(parents=True, exist_ok=True)
    gateway, configuration = _submitted() if _SUBMITTED in environment else _launched(settings, environment)
    context = SparkContext(conf=configuration, gateway=gateway)
    spark = SparkSession.builder.config(conf=configuration).getOrCreate()
    assert spark.sparkContext is context
    try:
        yield spark
    except Py4JJavaError as error:
        # What it says is asked of the JVM, which is gone once this block is left.
        told = str(error.java_exception.toString())
        raise TidelineError(f"Spark ended with an error ({told}); more is in `{settings.logs}/spark.log`") from error
    finally:
        spark.stop()
        gateway.shutdown()


def _submitted() -> tuple[Any, SparkConf]:
    gateway = launch_gateway()  # type: ignore[no-untyped-call]
    configuration = SparkConf(_jvm=gateway.jvm)
    for name, value in SESSION.items():
        configuration.setIfMissing(name, value)
    return gateway, configuration


def _launched(settings: Settings, environment: Mapping[str, str]) -> tuple[Any, SparkConf]:
    master = environment.get(MASTER, "local[2]")
    configuration = SparkConf().setMaster(master)
    configuration.setAll(list(on_this_machine(settings, local=master.startswith("local")).items()))
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    with (settings.logs / "spark-process.log").open("ab") as log:
        gateway = launch_gateway(configuration, {"stdout": log, "stderr": log})  # type: ignore[no-untyped-call]
    return gateway, configuration
