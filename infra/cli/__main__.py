"""`python -m infra.cli`: the `tideline` command where no script of it is on the path."""

from infra.cli.main import app

app()
