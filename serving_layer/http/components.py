"""The bodies of answers as JSON schemas: those that are written here by hand, since no framework makes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from serving_layer.models.recording import Source

_COUNTED: Final = ("predictions", "fallbacks", "outcomes", "positives")
_MEASURED: Final = ("coverage", "auc", "log_loss", "calibration_error", "mean_score", "positive_share")

COMPONENTS: Final[Mapping[str, Any]] = {
    "Proof": {
        "type": "object",
        "description": "How an answer knows: it holds every counted event with `available_at < speed_through` once.",
        "required": [
            "generation",
            "boundary",
            "run",
            "speed_through",
            "complete",
            "incomplete_because",
            "batch_stopped",
            "definition",
        ],
        "properties": {
            "generation": {"type": "integer"},
            "boundary": {"type": "string", "format": "date-time"},
            "run": {"type": ["string", "null"]},
            "speed_through": {"type": "string", "format": "date-time"},
            "complete": {"type": "boolean"},
            "incomplete_because": {"type": ["string", "null"]},
            "batch_stopped": {
                "type": ["object", "null"],
                "description": "Since when batch publishes nothing newer, and by which rule; answers stay exact.",
                "required": ["since", "rule"],
                "properties": {"since": {"type": "string", "format": "date-time"}, "rule": {"type": "string"}},
            },
            "definition": {"type": "string"},
        },
    },
    "Answers": {
        "type": "object",
        "required": ["view", "as_of", "answers", "proof"],
        "properties": {
            "view": {"type": "string"},
            "as_of": {"type": "string", "format": "date-time"},
            "answers": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["key", "features"],
                    "properties": {"key": {"type": "object"}, "features": {"type": "object"}},
                },
            },
            "proof": {"$ref": "#/components/schemas/Proof"},
        },
    },
    "Predictions": {
        "type": "object",
        "description": "Scores of one instant and one snapshot; `version` is null where no champion is loaded.",
        "required": ["model", "version", "definition", "as_of", "recorded", "predictions", "proofs"],
        "properties": {
            "model": {"type": "string"},
            "version": {"type": ["string", "null"]},
            "definition": {"type": "string"},
            "as_of": {"type": "string", "format": "date-time"},
            "recorded": {"type": "boolean", "description": "Whether the predictions were recorded before this."},
            "predictions": {"type": "array", "items": {"$ref": "#/components/schemas/Prediction"}},
            "proofs": {
                "type": "object",
                "description": "By view.",
                "additionalProperties": {"$ref": "#/components/schemas/Proof"},
            },
        },
    },
    "Prediction": {
        "type": "object",
        "required": ["prediction_id", "score", "decision", "fallback"],
        "properties": {
            "prediction_id": {"type": "string", "format": "uuid"},
            "score": {"type": "number", "minimum": 0, "maximum": 1},
            "decision": {"type": "boolean"},
            "fallback": {
                "type": ["object", "null"],
                "description": "What answered instead of the champion on the features of now, and why.",
                "required": ["by", "because"],
                "properties": {
                    "by": {"type": "string", "enum": [str(each) for each in Source]},
                    "because": {"type": "string"},
                    "age_seconds": {"type": "number"},
                },
            },
            "features": {"type": ["object", "null"]},
        },
    },
    "ModelQuality": {
        "type": "object",
        "required": ["model", "window", "as_of", "versions", "proofs"],
        "properties": {
            "model": {"type": "string"},
            "window": {"type": "string"},
            "as_of": {"type": "string", "format": "date-time"},
            "versions": {"type": "array", "items": {"$ref": "#/components/schemas/VersionQuality"}},
            "proofs": {
                "type": "object",
                "description": "By view.",
                "additionalProperties": {"$ref": "#/components/schemas/Proof"},
            },
        },
    },
    "VersionQuality": {
        "type": "object",
        "description": "`version` is null of scores without a champion; what no outcomes can say is null.",
        "required": ["version", "aliases", *_COUNTED, *_MEASURED],
        "properties": {
            "version": {"type": ["string", "null"]},
            "aliases": {"type": "array", "items": {"type": "string"}},
            **{name: {"type": "integer"} for name in _COUNTED},
            **{name: {"type": ["number", "null"]} for name in _MEASURED},
        },
    },
    "Problem": {
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "available": {"type": "array", "items": {"type": "string"}},
        },
    },
}
