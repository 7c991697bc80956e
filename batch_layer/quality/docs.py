"""Expectations evaluated by Great Expectations, and its Data Docs as pages under the stack's home.

The library keeps one context a process and is loaded with the first check: importing it takes seconds.
"""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import pyarrow as pa

from batch_layer.quality.rules import CONTRACT, Measured
from batch_layer.quality.suite import suite_of, table_row, table_suite
from schemas.core.events import Event
from schemas.core.instants import SECOND, Instant

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite
    from pyspark.sql import DataFrame

KEPT: Final = 20
"""Checks of a suite whose pages are kept."""
INDEX: Final = Path("quality") / "index.html"

_ALONE: Final = threading.Lock()
_COUNTS: Final = {"result_format": "BASIC", "partial_unexpected_count": 0}
"""How many rows break an expectation, and none of them: pages hold nothing that a producer wrote."""


@dataclass(frozen=True)
class Evaluated:
    """The expectations of the contract that some valid record breaks, and the page that shows all of them."""

    broken: Sequence[Measured]
    page: str


def evaluate(
    home: Path, event: Event, records: DataFrame | pa.Table | None, measured: Sequence[Measured], now: Instant
) -> Evaluated:
    """Hold the contract against records as `observed_sql` gives them (None: there are none), and write the pages.

    Records that are in memory are looked at there, which takes a fraction of Spark's time where they are few. What was
    measured of whole tables is shown beside it.
    """
    import pandas as pd  # noqa: PLC0415 - as the rest

    with _alone(home) as context:
        when, broken = datetime.fromtimestamp(now / SECOND, UTC), list[Measured]()
        source = context.data_sources.add_pandas("counts").add_dataframe_asset(event.name)
        shown = [_run(context, source, pd.DataFrame([table_row(measured)]), table_suite(event, measured), when)]
        if records is not None:
            source, frame = _held(context, records)
            shown.append(_run(context, source.add_dataframe_asset(event.name), frame, suite_of(event), when))
            broken = _broken(shown[-1])
        _forget(home / "quality" / "results")
        results = [identity for each in shown for identity in each.run_results]
        # Named, since an empty list stands for all pages: of every event, and of every check that is kept.
        context.build_data_docs(
            resource_identifiers=[*results, *(each.expectation_suite_identifier for each in results)]
        )
        return Evaluated(broken, _page(home, context, results[-1]))


def _held(context: Any, records: DataFrame | pa.Table) -> tuple[Any, Any]:
    """A source for the engine that holds the records, and the records as it takes them.

    Those of pandas get types that know null, as `suite_of` names them.
    """
    import pandas as pd  # noqa: PLC0415 - as the rest

    if not isinstance(records, pa.Table):
        return context.data_sources.add_spark("valid", persist=False), records

    kinds = {
        pa.bool_(): pd.BooleanDtype(),
        pa.int32(): pd.Int32Dtype(),
        pa.int64(): pd.Int64Dtype(),
        pa.float64(): pd.Float64Dtype(),
        pa.string(): pd.StringDtype(),
    }
    return context.data_sources.add_pandas("valid"), records.to_pandas(types_mapper=kinds.get)


def _run(context: Any, asset: Any, frame: Any, suite: ExpectationSuite, when: datetime) -> Any:
    from great_expectations import Checkpoint, ValidationDefinition  # noqa: PLC0415
    from great_expectations.core.run_identifier import RunIdentifier  # noqa: PLC0415

    data = asset.add_batch_definition_whole_dataframe(suite.name)
    suite = context.suites.add_or_update(suite)
    definition = ValidationDefinition(name=suite.name, data=data, suite=suite)
    checkpoint = Checkpoint(
        name=suite.name,
        validation_definitions=[context.validation_definitions.add_or_update(definition)],
        result_format=_COUNTS,
    )
    identity = RunIdentifier(run_name=when.strftime("%Y-%m-%dT%H-%M-%SZ"), run_time=when)
    return context.checkpoints.add_or_update(checkpoint).run({"dataframe": frame}, run_id=identity)


def _broken(result: Any) -> list[Measured]:
    (validated,) = result.run_results.values()
    return [_told(each) for each in validated.results if not each.success]


def _told(result: Any) -> Measured:
    """An expectation that failed, or that could not be looked at."""
    of = result.expectation_config
    rule, column = of.meta["rule"], of.kwargs.get("column")
    count = result.result.get("unexpected_count", 1)
    what = f"expectation `{of.type}`" + (f" of `{column}`" if column else "")
    if result.exception_info and result.exception_info.get("raised_exception"):
        says = f"{what} could not be looked at: {result.exception_info['exception_message']}"
    else:
        says = f"{count:,} valid records break `{rule}`: {what}"
    return Measured(CONTRACT, rule, count, 0, 0, says)


def _page(home: Path, context: Any, identity: Any) -> str:
    (site,) = context.get_docs_sites_urls(identity)
    return str(Path(unquote(site["site_url"].removeprefix("file://"))).relative_to(home.resolve()))


@contextmanager
def _alone(home: Path) -> Iterator[Any]:
    """A context that no other thread or process shares: the index lists what all of them have written."""
    root = home.resolve() / "quality"
    root.mkdir(parents=True, exist_ok=True)
    with _ALONE, (root / ".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield _context(root)


def _context(root: Path) -> Any:
    import great_expectations as gx  # noqa: PLC0415
    from great_expectations.data_context.types.base import (  # noqa: PLC0415
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    defaults = InMemoryStoreBackendDefaults()
    for store, folder in (("expectations_store", "suites"), ("validation_results_store", "results")):
        defaults.stores[store]["store_backend"] = _files(root / folder)
    view = {"module_name": "batch_layer.quality.pages"}
    section = {"view": {**view, "class_name": "StaticPageView"}}
    defaults.data_docs_sites = {
        "quality": {
            "class_name": "SiteBuilder",
            "show_how_to_buttons": False,
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(root)},
            "site_index_builder": {
                "class_name": "DefaultSiteIndexBuilder",
                "renderer": {**view, "class_name": "Links"},
                "view": {**view, "class_name": "StaticIndexView"},
            },
            "site_section_builders": {"expectations": section, "validations": section, "profiling": "None"},
        }
    }
    config = DataContextConfig(
        store_backend_defaults=defaults, analytics_enabled=False, progress_bars=ProgressBarsConfig(globally=False)
    )
    return gx.get_context(project_config=config, mode="ephemeral")


def _files(folder: Path) -> dict[str, Any]:
    return {
        "class_name": "TupleFilesystemStoreBackend",
        "base_directory": str(folder),
        "filepath_suffix": ".json",
    }


def _forget(results: Path) -> None:
    """Remove all but the last results of each suite; the index removes their pages."""
    for suite in results.iterdir() if results.exists() else ():
        found = sorted(suite.rglob("*.json"), key=lambda file: file.parts)
        for file in found[:-KEPT]:
            file.unlink()
