"""Scoring: versions of models pulled from MLflow, opened before they take requests, and scored on merged answers."""
