"""PyTorch's sixteen schedulers, for those who go through them all."""

from ._compose import ChainedScheduler, SequentialLR
from ._cosine import SWALR, CosineAnnealingLR, CosineAnnealingWarmRestarts
from ._cycles import CyclicLR, OneCycleLR
from ._factors import ConstantLR, ExponentialLR, LinearLR, MultiStepLR, PolynomialLR, StepLR
from ._functions import LambdaLR, MultiplicativeLR
from ._plateau import ReduceLROnPlateau
from ._value import Value

COMPOSITES = (ChainedScheduler, SequentialLR)
OF_FUNCTIONS = (LambdaLR, MultiplicativeLR)
SCHEDULERS: tuple[type[Value], ...] = (
    LambdaLR, MultiplicativeLR, StepLR, MultiStepLR, ConstantLR, LinearLR, ExponentialLR,
    PolynomialLR, CosineAnnealingLR, CosineAnnealingWarmRestarts, CyclicLR, OneCycleLR, SWALR,
    *COMPOSITES, ReduceLROnPlateau,
)  # fmt: skip
