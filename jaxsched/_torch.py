"""For those who still import from here; gone soon."""

from ._record import run as _record
from ._record import record as record
from ._to_torch import build as build
from ._to_torch import call_text as call_text
from ._to_torch import scheduler_class as scheduler_class
