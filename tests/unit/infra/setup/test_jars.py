"""A jar that is not exactly what was committed is named and not run."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from infra.setup.jars import SETS, read_sums, verify_jars
from schemas.core.errors import RefusedError
from schemas.settings import CHECKOUT

CONTENT = {"kafka/broker-1.jar": b"broker", "flink/connector-2.jar": b"connector"}
SUMS = {name: sha256(content).hexdigest() for name, content in CONTENT.items()}


@pytest.fixture(name="jars")
def jars_fixture(tmp_path: Path) -> Path:
    for name, content in CONTENT.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_all_as_listed(jars: Path) -> None:
    verify_jars(jars, SUMS)


def test_an_altered_jar_is_named_with_both_sums(jars: Path) -> None:
    (jars / "kafka/broker-1.jar").write_bytes(b"Broker")
    with pytest.raises(RefusedError) as refusal:
        verify_jars(jars, SUMS)
    told = str(refusal.value)
    assert "`kafka/broker-1.jar`" in told
    assert sha256(b"Broker").hexdigest() in told
    assert SUMS["kafka/broker-1.jar"] in told
    assert told.endswith("run `make setup` again")


def test_an_extra_jar_is_named(jars: Path) -> None:
    (jars / "flink/more.jar").write_bytes(b"")
    with pytest.raises(RefusedError, match=r"`flink/more\.jar` is not listed in `infra/jars/SHA256SUMS`"):
        verify_jars(jars, SUMS)


def test_a_missing_jar_is_named(jars: Path) -> None:
    (jars / "flink/connector-2.jar").unlink()
    with pytest.raises(RefusedError, match=r"`flink/connector-2\.jar` is missing"):
        verify_jars(jars, SUMS)


def test_the_committed_list_reads_and_holds_every_set() -> None:
    sums = read_sums((CHECKOUT / "infra/jars/SHA256SUMS").read_text())
    assert {name.partition("/")[0] for name in sums} == set(SETS)
    assert all(len(digest) == 64 and name.endswith(".jar") for name, digest in sums.items())
