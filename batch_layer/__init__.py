"""All history, exactly: archive, verdicts, segments and generations; the only layer that imports Spark."""
