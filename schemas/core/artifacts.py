"""What a version of a model is made of, for who registers it and who scores with it: names, formats, hashes.

    model/     fitted.txt  signature.json  input_example.json       baseline/  the same, of the plain model beside it
               distributions.json: how its inputs and scores lay when it was trained
    version    tideline.format, tideline.sha256.<text>              tideline.baseline.format, …

An artifact is text that is parsed. Nothing of it is read before its hash is the one on the version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

CHALLENGER: Final = "challenger"
CHAMPION: Final = "champion"

ARTIFACT: Final = "model"
BASELINE: Final = "baseline"

FITTED: Final = "fitted.txt"
SIGNATURE: Final = "signature.json"
EXAMPLE: Final = "input_example.json"
TEXTS: Final = (FITTED, SIGNATURE, EXAMPLE)
DISTRIBUTIONS: Final = "distributions.json"

TREES: Final = "lightgbm-text"
LOGISTIC: Final = "logistic-json"
FORMATS: Final = (TREES, LOGISTIC)

PREFIX: Final = "tideline."
"""Begins the name of each tag of ours."""
REFUSED: Final = "refused"
"""The tag that says why serving does not score with a version."""


def sha256(text: bytes) -> str:
    """As it stands on a version."""
    return hashlib.sha256(text).hexdigest()


def tag_of(text: str) -> str:
    """The tag that holds the hash of a text of the artifact."""
    return f"sha256.{text}"


def tags_of(part: str, tags: Mapping[str, str]) -> Mapping[str, str]:
    """What a version says of one part of its artifact; `tags` without the prefix of ours."""
    if part == ARTIFACT:
        return tags
    return {name.removeprefix(f"{part}."): value for name, value in tags.items() if name.startswith(f"{part}.")}
