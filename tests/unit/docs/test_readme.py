"""The README shows a file that is tested, whole."""

from __future__ import annotations

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]


def test_the_view_in_the_readme_is_the_tested_file() -> None:
    example = (CHECKOUT / "tests" / "examples" / "long_departures.py").read_text().rstrip()
    assert f"```python\n{example}\n```" in (CHECKOUT / "README.md").read_text()


def test_every_folder_that_the_readme_names_has_a_readme() -> None:
    text = (CHECKOUT / "README.md").read_text()
    for folder in ("schemas", "batch_layer", "speed_layer", "serving_layer", "infra", "dags", "tests"):
        assert f"({folder}/README.md)" in text
        assert (CHECKOUT / folder / "README.md").is_file()
