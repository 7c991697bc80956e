"""The jars: fetched by the Ivy inside pyspark, verified against a committed list."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from infra.java import Java
from infra.setup.environments import site_packages
from infra.setup.paths import Paths
from infra.setup.stamps import is_stamped, set_stamp, stamp
from schemas.core.errors import RefusedError, UnavailableError

SETS = ("kafka", "flink", "spark")


def read_sums(text: str) -> dict[str, str]:
    """`SHA256SUMS` as `{"kafka/kafka_2.13-4.3.1.jar": "<hex>", …}`."""
    return {name: digest for digest, name in (line.split(maxsplit=1) for line in text.splitlines())}


def verify_jars(folder: Path, sums: dict[str, str]) -> None:
    """Raises `RefusedError` for the first jar of `folder` that is missing, altered or not listed."""
    way_out = f"remove `{folder}` and run `make setup` again"
    present = {str(jar.relative_to(folder)): jar for jar in sorted(folder.glob("*/*"))}
    for name in sorted(sums.keys() | present.keys()):
        if name not in present:
            raise RefusedError(f"jar `{name}` is missing; {way_out}")
        if name not in sums:
            raise RefusedError(f"jar `{name}` is not listed in `infra/jars/SHA256SUMS` and would be run; {way_out}")
        with present[name].open("rb") as jar:
            found = hashlib.file_digest(jar, "sha256").hexdigest()
        if found != sums[name]:
            raise RefusedError(
                f"jar `{name}` has SHA-256 {found}, `infra/jars/SHA256SUMS` says {sums[name]}; {way_out}"
            )


def ensure_jars(paths: Paths, java: Java) -> None:
    """Fetch what the lists name, unless it is there; verify every jar either way."""
    lists = [paths.jar_lists / "ivy.xml", paths.jar_lists / "SHA256SUMS"]
    sums, wanted = read_sums(lists[1].read_text()), stamp(files=lists)
    if not is_stamped(paths.jars, wanted):
        fetched = paths.state / "jars.new"
        shutil.rmtree(fetched, ignore_errors=True)
        fetch_jars(paths, java, fetched)
        verify_jars(fetched, sums)
        set_stamp(fetched, wanted)
        shutil.rmtree(paths.jars, ignore_errors=True)
        fetched.rename(paths.jars)
    verify_jars(paths.jars, sums)


def fetch_jars(paths: Paths, java: Java, target: Path) -> None:
    """Retrieve the jars of `ivy.xml` into `target/<set>/`. Raises `UnavailableError`."""
    bundled = site_packages(paths, "main") / "pyspark" / "jars"
    settings = os.environ.get("TIDELINE_IVY_SETTINGS")
    ivy: list[str | Path] = [java.command, "-cp", f"{bundled}/*", "org.apache.ivy.Main"]
    ivy += ["-settings", settings] if settings else []
    ivy += ["-ivy", paths.jar_lists / "ivy.xml", "-cache", paths.cache / "ivy", "-confs", *SETS]
    ivy += ["-retrieve", f"{target}/[conf]/[artifact]-[revision].[ext]"]
    log = paths.state / "jars.log"
    with log.open("wb") as written:
        ended = subprocess.run(ivy, stdout=written, stderr=subprocess.STDOUT, check=False).returncode
    if ended != 0:
        raise UnavailableError(
            f"the jars could not be fetched; Ivy's reason is in `{log}`; "
            "behind a mirror, name an ivysettings.xml in `TIDELINE_IVY_SETTINGS`"
        )
