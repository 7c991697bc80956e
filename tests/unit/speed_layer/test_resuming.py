"""Which failures say that a job will never read its state again."""

from __future__ import annotations

import pytest

from speed_layer.resuming import unreadable

READING = """java.io.IOException: Error while retrieving data from RocksDB.
\tat org.apache.flink.state.rocksdb.RocksDBValueState.value(RocksDBValueState.java:90)
Caused by: org.rocksdb.RocksDBException: {}
\tat org.rocksdb.RocksDB.get(Native Method)
"""
RESTORING = """java.lang.Exception: Exception while creating StreamOperatorStateContext.
\tat org.apache.flink.streaming.runtime.tasks.StreamTask.restoreInternal(StreamTask.java:800)
Caused by: org.apache.flink.util.FlinkException: Could not restore keyed state backend for KeyedProcessOperator_1 \
from any of the 1 provided restore options.
Caused by: org.apache.flink.runtime.state.BackendBuildingException: Caught unexpected exception.
Caused by: {}
\tat java.base/sun.nio.fs.UnixException.translateToIOException(UnixException.java:92)
"""


@pytest.mark.parametrize(
    "told",
    [
        "block checksum mismatch: stored = 2211826990, computed = 132683227, type = 4  in db/000532.sst offset 0",
        "Sst file size mismatch: db/000532.sst. Size recorded in manifest file 4078, actual size 4000",
    ],
)
@pytest.mark.parametrize("trace", [READING, RESTORING.replace("{}", "org.rocksdb.RocksDBException: {}")])
def test_a_file_of_the_state_is_not_what_it_was(trace: str, told: str) -> None:
    assert unreadable(trace.format(told)) == f"its state cannot be read: {told}"


@pytest.mark.parametrize(
    "cause",
    [
        "java.io.FileNotFoundException: /state/shared/1 (No such file or directory)",
        "java.nio.file.NoSuchFileException: /state/shared/1",
        "java.io.EOFException",
    ],
)
def test_a_file_of_the_state_is_missing(cause: str) -> None:
    assert unreadable(RESTORING.format(cause)) == f"its state cannot be read: {cause}"


@pytest.mark.parametrize(
    "trace",
    [
        "",
        READING.format("While appending to file: db/000532.sst: No space left on device"),
        RESTORING.format("java.nio.file.FileSystemException: /tmp/db: Read-only file system"),
        "java.lang.ArithmeticException: / by zero",
        "org.apache.flink.util.FlinkException: The TaskExecutor is shutting down.",
        "java.util.concurrent.TimeoutException\nCaused by: java.io.EOFException",
    ],
)
def test_other_failures_may_pass(trace: str) -> None:
    assert unreadable(trace) is None
