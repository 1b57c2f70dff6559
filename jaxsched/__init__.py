"""Every PyTorch learning-rate scheduler, in JAX: the same names, arguments and numbers."""

from ._compose import ChainedScheduler as ChainedScheduler
from ._compose import SequentialLR as SequentialLR
from ._config import from_config as from_config
from ._config import to_config as to_config
from ._cosine import SWALR as SWALR
from ._cosine import CosineAnnealingLR as CosineAnnealingLR
from ._cosine import CosineAnnealingWarmRestarts as CosineAnnealingWarmRestarts
from ._counts import delay as delay
from ._counts import per_epoch as per_epoch
from ._counts import per_update as per_update
from ._counts import skip as skip
from ._cycles import CyclicLR as CyclicLR
from ._cycles import OneCycleLR as OneCycleLR
from ._factors import ConstantLR as ConstantLR
from ._factors import ExponentialLR as ExponentialLR
from ._factors import LinearLR as LinearLR
from ._factors import MultiStepLR as MultiStepLR
from ._factors import PolynomialLR as PolynomialLR
from ._factors import StepLR as StepLR
from ._flows import PlateauState as PlateauState
from ._from_torch import current_count as current_count
from ._from_torch import from_torch as from_torch
from ._functions import LambdaLR as LambdaLR
from ._functions import MultiplicativeLR as MultiplicativeLR
from ._optax import current_lr as current_lr
from ._optax import fast_forward as fast_forward
from ._param_groups import ParamGroups as ParamGroups
from ._plateau import ReduceLROnPlateau as ReduceLROnPlateau
from ._product import Product as Product
from ._record import record as record
from ._schedule import Schedule as Schedule
from ._stack import stack as stack
from ._state_dict import from_torch_state_dict as from_torch_state_dict
from ._table import tabulate as tabulate
from ._to_torch import to_torch as to_torch
from ._trace import Trace as Trace
from ._trace import compare as compare

__version__ = "0.1.0"
