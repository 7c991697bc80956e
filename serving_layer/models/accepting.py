"""Whether a version may be scored with: every check that comes before it takes a request.

tags ─▶ format known ─▶ texts as hashed ─▶ signature = the definition's inputs ─▶ canary: probabilities
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from schemas.core.artifacts import (
    ARTIFACT,
    BASELINE,
    EXAMPLE,
    FITTED,
    FORMATS,
    SIGNATURE,
    TEXTS,
    sha256,
    tag_of,
    tags_of,
)
from schemas.core.codec import inputs_of
from schemas.core.errors import BadValue, RefusedError
from schemas.core.models import Input
from schemas.core.signatures import Signature, decode_signature
from schemas.core.types import type_name
from schemas.lake.models import AppliedModel
from serving_layer.models.records import Part, Version
from serving_layer.models.registry import Registered, Registry
from serving_layer.models.texts import Texts, TornText

TryOut = Callable[[str, Path, Path, Path], None]
"""Scores the example of an artifact, given its format and its texts; raises BadValue."""
_SHOWN: Final = 3


def accept(registry: Registry, texts: Texts, applied: AppliedModel, found: Registered, try_out: TryOut) -> Version:
    """The version with its texts kept and tried; raises RefusedError saying why it may not be scored with."""
    model = applied.model
    try:
        if found.tags.get("inputs_of") != inputs_of(model):
            raise RefusedError(
                "it has learnt from other inputs than the applied definition has; "
                f"train it again with `tideline train {model.name}`"
            )
        plain = tuple(each for each in model.inputs if each.name == model.baseline)
        scorer = _part(registry, texts, found, ARTIFACT, model.inputs)
        baseline = _part(registry, texts, found, BASELINE, plain)
        for part in (scorer, baseline):
            try_out(part.format, *(texts.path(digest) for digest in part.hashes))
    except BadValue as error:
        raise RefusedError(str(error)) from error
    return Version(found.number, model, applied.definition, scorer, baseline)


def _part(registry: Registry, texts: Texts, found: Registered, part: str, inputs: tuple[Input, ...]) -> Part:
    tags = tags_of(part, found.tags)
    format_ = tags.get("format", "")
    if format_ not in FORMATS:
        listed = ", ".join(f"`{each}`" for each in FORMATS)
        raise BadValue(f"format `{format_}` of `{part}` is unknown; available: {listed}")
    read = {name: _text(registry, texts, found, f"{part}/{name}", tags.get(tag_of(name), "")) for name in TEXTS}
    try:
        signature = decode_signature(read[SIGNATURE].decode())
    except UnicodeDecodeError as error:
        raise BadValue(f"`{part}/{SIGNATURE}` is no text; train it again") from error
    _check(part, signature, inputs)
    fitted, signed, example = (sha256(read[name]) for name in (FITTED, SIGNATURE, EXAMPLE))
    return Part(format_, fitted, signed, example)


def _text(registry: Registry, texts: Texts, found: Registered, path: str, digest: str) -> bytes:
    """A text whose hash is the one on the version; one that is kept already is not fetched again."""
    if digest and texts.has(digest):
        try:
            return texts.read(digest)
        except TornText:
            texts.drop(digest)
    text = registry.text(found, path)
    if sha256(text) != digest:
        raise RefusedError(f"`{path}` is not what was registered, so nothing of it is read; train it again")
    texts.put(text)
    return text


def _check(part: str, signature: Signature, inputs: tuple[Input, ...]) -> None:
    """The columns are the definition's inputs: names, order and types."""
    has = [f"{each.name}: {type_name(each.type)}" for each in signature.columns]
    wanted = [f"{each.name}: {type_name(each.type)}" for each in inputs]
    if has != wanted:
        at = next((place for place, pair in enumerate(zip(has, wanted, strict=False)) if pair[0] != pair[1]), None)
        place = min(len(has), len(wanted)) if at is None else at
        seen, meant = (", ".join(each[place : place + _SHOWN]) or "nothing" for each in (has, wanted))
        raise BadValue(
            f"the signature of `{part}` differs from the inputs of the applied definition at column {place}: "
            f"it has {seen}, where {meant} is wanted; train it again"
        )
