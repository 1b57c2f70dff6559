"""What a step does to the rate: lr <- a * lr + b."""

from typing import Any, NamedTuple

from . import numerics as xp


class Affine(NamedTuple):
    """lr <- a * lr + b, where the Python ints 0 and 1 are recognised while tracing."""

    a: Any
    b: Any

    def __call__(self, rate):
        if self.overwrites:
            return self.b
        scaled = rate if isinstance(self.a, int) and self.a == 1 else xp.scaled(rate, self.a)
        return scaled if isinstance(self.b, int) and self.b == 0 else scaled + self.b

    def after(self, earlier: "Affine") -> "Affine":
        if self.overwrites or earlier is IDENTITY:
            return self
        if self is IDENTITY:
            return earlier
        return Affine(0 if earlier.overwrites else self.a * earlier.a, self(earlier.b))

    @property
    def overwrites(self) -> bool:
        return isinstance(self.a, int) and self.a == 0


IDENTITY = Affine(1, 0)
