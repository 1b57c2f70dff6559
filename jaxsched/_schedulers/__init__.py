"""PyTorch's sixteen schedulers, and other libraries, for those who go through them all."""

from .._core.value import Value
from .chained_scheduler import ChainedScheduler
from .constant_lr import ConstantLR
from .cosine_annealing_lr import CosineAnnealingLR
from .cosine_annealing_warm_restarts import CosineAnnealingWarmRestarts
from .cyclic_lr import CyclicLR
from .exponential_lr import ExponentialLR
from .lambda_lr import LambdaLR
from .linear_lr import LinearLR
from .multi_step_lr import MultiStepLR
from .multiplicative_lr import MultiplicativeLR
from .one_cycle_lr import OneCycleLR
from .polynomial_lr import PolynomialLR
from .reduce_lr_on_plateau import ReduceLROnPlateau
from .sequential_lr import SequentialLR
from .step_lr import StepLR
from .swalr import SWALR

COMPOSITES = (ChainedScheduler, SequentialLR)
OF_FUNCTIONS = (LambdaLR, MultiplicativeLR)
SCHEDULERS: tuple[type[Value], ...] = (
    LambdaLR, MultiplicativeLR, StepLR, MultiStepLR, ConstantLR, LinearLR, ExponentialLR,
    PolynomialLR, CosineAnnealingLR, CosineAnnealingWarmRestarts, CyclicLR, OneCycleLR, SWALR,
    *COMPOSITES, ReduceLROnPlateau,
)  # fmt: skip
# The libraries whose schedules are modules of jaxsched, which are loaded on first use.
RECIPES = (
    "transformers", "diffusers", "timm", "deepspeed", "megatron", "torchtitan", "olmo", "nemo",
    "espnet", "fairseq", "fairseq2", "mmengine", "detectron2", "cosine_annealing_warmup",
    "pl_bolts", "pytorch_warmup",
)  # fmt: skip
