"""What a fault is: something that is done to a stack in mid-stream, drawn from a seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from schemas.settings import Settings
from tests.stack.load import Load

Mend = Callable[[], None]
Fault = Callable[[Settings, Load, random.Random], Mend | None]
"""Returns once its damage is done, with what a person does about it; None where the platform heals by itself."""

MIDSTREAM: Final = 200
"""Sales before, in and after a fault, or as many as a seed draws below it."""
