"""fairseq's schedules by the names of `--lr-scheduler`; the library need not be there.

The arguments are those of fairseq's configs, in their order, and the learning rate comes first:

    optax.adam(jaxsched.fairseq.inverse_sqrt(5e-4, warmup_updates=4_000))

The count is fairseq's number of updates: its trainer asks for the rate of 0 before the first
update, and for that of n after the n-th. `lr` is the only rate of `--lr`; a list with a rate for
each epoch is refused. `W` is the number of updates of the warm-up, where the rate is
`init + (lr - init) * t / W` for t < W.

With a `t_mult` other than 1, fairseq finds the period of `cosine` by a logarithm in floating
point, which comes out just below an integer at some restarts; there it has, for that one count, the
rate at the end of the period before. Here each period begins where it is due.
"""

from ._core import numerics as xp
from ._core.fields import Numbers, Rate, static
from ._core.number import Float, Number, concrete, is_concrete
from ._schedulers.recipe import OfLibrary
from ._schedulers.shapes import cycle, share, wave

__all__ = [
    "cosine",
    "fixed",
    "inverse_sqrt",
    "polynomial_decay",
    "step",
    "tri_stage",
    "triangular",
]


class _Schedule(OfLibrary):
    """What all share: a rate, and a warm-up."""

    def _validate(self):
        for name in ("lr", "warmup_updates"):
            if hasattr(self, name):
                self._require(name, lambda x: x >= 0, "a number from 0 up")

    def _carried(self):
        return self.lr, None

    def _curve(self, t):
        size, init = self._warmup, self._init
        line = init + (self.lr - init) * share(t, 0, size)
        return xp.where(t < size, line, self._after(xp.maximum(t - size, 0)))

    @property
    def _warmup(self):
        return self.warmup_updates

    @property
    def _init(self):
        """The rate at count 0 of the warm-up."""
        given = getattr(self, "warmup_init_lr", -1)
        return xp.where(given < 0, getattr(self, "min_lr", 0.0), given)

    def _check_above_minimum(self):
        if is_concrete(self.min_lr):
            least = self.min_lr
            self._require("lr", lambda x: x > least, f"above `min_lr`, {least}")

    def _check_force_anneal(self):
        if self.force_anneal is not None:
            self._reject("force_anneal", "None, as it changes the rate at an epoch")

    def _after(self, since):
        """The rate, so many updates after the warm-up."""
        raise NotImplementedError


class inverse_sqrt(_Schedule):
    """A linear warm-up, then the inverse root of the count.

        lr(t) = lr * sqrt(W / t)    for t >= W

    Args:
      lr: the learning rate after the warm-up.
      warmup_updates: W, the number of updates of the warm-up.
      warmup_init_lr: the rate at count 0 of the warm-up; 0 if it is negative.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a negative `lr`, or a warm-up that is not positive, by which fairseq
        divides.

    >>> import jax.numpy as jnp
    >>> from jaxsched import fairseq
    >>> fairseq.inverse_sqrt(0.1, 2)(jnp.arange(6))
    Array([0.        , 0.05      , 0.1       , 0.08164966, 0.07071068,
           0.06324555], dtype=float32)

    Port of https://github.com/facebookresearch/fairseq/tree/main/fairseq/optim/lr_scheduler.
    """

    lr: Rate
    warmup_updates: Number = 4000
    warmup_init_lr: Rate = -1

    def _validate(self):
        super()._validate()
        self._require("warmup_updates", lambda n: n > 0, "a positive number")

    def _after(self, since):
        return self.lr * xp.sqrt(xp.divide(self._warmup, since + self._warmup))


class polynomial_decay(_Schedule):
    """A linear warm-up from 0, then a power of the remaining updates.

        lr(t) = end + (lr - end) * (1 - (t - W) / (N - W)) ** power    for t >= W
        lr(t) = end                                                for t >= N, after the warm-up

    Args:
      lr: the learning rate after the warm-up.
      warmup_updates: W, the number of updates of the warm-up.
      force_anneal: None, as it changes the rate at an epoch.
      end_learning_rate: end, the rate from count N on.
      power: the exponent.
      total_num_update: N, the number of updates of warm-up and decay. It must be given: in
        fairseq it is `--max-update` by default.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a negative `lr` or warm-up, no positive `total_num_update`, or a
        `force_anneal`.

    >>> import jax.numpy as jnp
    >>> from jaxsched import fairseq
    >>> fairseq.polynomial_decay(0.1, 1, total_num_update=5)(jnp.arange(6))
    Array([0.   , 0.1  , 0.075, 0.05 , 0.025, 0.   ], dtype=float32)

    Port of https://github.com/facebookresearch/fairseq/tree/main/fairseq/optim/lr_scheduler.
    """

    lr: Rate
    warmup_updates: Number = 0
    force_anneal: None = static(default=None)
    end_learning_rate: Rate = 0.0
    power: Float = 1.0
    total_num_update: Number | None = None

    def _validate(self):
        super()._validate()
        self._check_force_anneal()
        if self.total_num_update is None:
            self._reject("total_num_update", "given, as `--max-update` is in fairseq")
        self._require("total_num_update", lambda n: n > 0, "a positive number")

    def _after(self, since):
        way, end = self.total_num_update - self._warmup, self.end_learning_rate
        height = xp.power(1.0 - share(since, 0, way), self.power)
        warm = (since == 0) & (self._warmup > 0)
        late = xp.where(since >= way, end, end + (self.lr - end) * height)
        return xp.where(warm, self.lr, late)


class tri_stage(_Schedule):
    """A linear warm-up, a hold, then an exponential down to a share of the rate.

        lr(t) = lr * (s + (1 - s) * t / W)        for t < W
        lr(t) = lr                              for the H updates after
        lr(t) = lr * f ** ((t - W - H) / D)    for the D updates after
        lr(t) = lr * f                          from then on

    Args:
      lr: the learning rate of the hold.
      warmup_steps: W, the number of updates of the warm-up.
      hold_steps: H, the number of updates of the hold.
      decay_steps: D, the number of updates of the decay; or instead of the three
      phase_ratio: their shares of `max_update`, three numbers; each is cut to an integer.
      init_lr_scale: s, the rate at count 0 over `lr`.
      final_lr_scale: f, the last rate over `lr`.
      max_update: the number of all updates, for `phase_ratio`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a negative `lr` or number of updates, no decay, a `final_lr_scale` that is
        not positive, ratios that are not three, of a sum of 1, or without a `max_update`.

    >>> import jax.numpy as jnp
    >>> from jaxsched import fairseq
    >>> fairseq.tri_stage(0.1, 1, 1, 2)(jnp.arange(6))
    Array([0.001, 0.1  , 0.1  , 0.01 , 0.001, 0.001], dtype=float32)

    Port of https://github.com/facebookresearch/fairseq/tree/main/fairseq/optim/lr_scheduler,
    the paper is https://arxiv.org/abs/1904.08779.
    """

    lr: Rate
    warmup_steps: Number = 0
    hold_steps: Number = 0
    decay_steps: Number = 0
    phase_ratio: Numbers | None = None
    init_lr_scale: Float = 0.01
    final_lr_scale: Float = 0.01
    max_update: Number | None = None

    def _validate(self):
        super()._validate()
        self._require("final_lr_scale", lambda f: f > 0, "a positive number")
        for name in ("warmup_steps", "hold_steps", "decay_steps"):
            self._require(name, lambda n: n >= 0, "a number from 0 up")
        if self.phase_ratio is not None:
            self._check_ratios()
        known = self._knows("decay_steps", "phase_ratio", "max_update")
        if known and not self._steps_of(2, self.decay_steps) > 0:
            given = "decay_steps" if self.phase_ratio is None else "phase_ratio"
            self._reject(given, "of at least one update of decay, by which fairseq divides")

    def _check_ratios(self):
        ratios = self.phase_ratio
        if len(ratios) != 3 and getattr(ratios, "ndim", 1) < 2:
            self._reject("phase_ratio", "three ratios, of warm-up, hold and decay")
        known = concrete(ratios) if hasattr(ratios, "dtype") else ratios
        if len(known) == 3 and all(map(is_concrete, known)):
            if sum(known) != 1:
                self._reject("phase_ratio", f"of a sum of exactly 1, not {sum(known)}")
            if min(known) < 0:
                self._reject("phase_ratio", "from 0 up")
        if self.max_update is None:
            self._reject("max_update", "given with `phase_ratio`")
        self._require("max_update", lambda n: n > 0, "a positive number")

    def _steps_of(self, index, number):
        if self.phase_ratio is None:
            return number
        return xp.floor(self.max_update * self.phase_ratio[index])

    @property
    def _warmup(self):
        return self._steps_of(0, self.warmup_steps)

    @property
    def _init(self):
        return self.init_lr_scale * self.lr

    def _after(self, since):
        hold, decay = self._steps_of(1, self.hold_steps), self._steps_of(2, self.decay_steps)
        last = self.final_lr_scale
        fall = xp.power(last, share(since, hold, hold + decay))
        return self.lr * xp.where(since < hold, 1.0, xp.where(since > hold + decay, last, fall))


class cosine(_Schedule):
    """A linear warm-up, then cosines down to `min_lr`, both ends lower in each period.

        lr(t) = a ** i * (min_lr + (lr - min_lr) * (1 + cos(pi * u / T)) / 2)    for t >= W

    in period i, of the length `T = P * b ** i`, u counts after its start.

    Args:
      lr: the learning rate after the warm-up, and the top of the first period.
      warmup_updates: W, the number of updates of the warm-up.
      warmup_init_lr: the rate at count 0 of the warm-up; `min_lr` if it is negative.
      min_lr: the rate that the first period goes down to.
      t_mult: b, the length of each period over that of the one before.
      lr_period_updates: P, the number of updates in the first period; if it is not positive,
        those of `max_update` after the warm-up.
      lr_shrink: a, the rates of each period over those of the one before.
      max_update: the number of all updates, without `lr_period_updates`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a negative rate or warm-up, an `lr` that is not above `min_lr`, no length
        of a period, or a `t_mult` below 1, with which fairseq fails where the periods have
        become too short.

    >>> import jax.numpy as jnp
    >>> from jaxsched import fairseq
    >>> fairseq.cosine(0.1, 1, lr_period_updates=3)(jnp.arange(6))
    Array([0.    , 0.1   , 0.075 , 0.025 , 0.01  , 0.0075], dtype=float32)

    Port of https://github.com/facebookresearch/fairseq/tree/main/fairseq/optim/lr_scheduler.
    """

    lr: Rate
    warmup_updates: Number = 0
    warmup_init_lr: Rate = -1
    min_lr: Rate = 0.0
    t_mult: Float = 1.0
    lr_period_updates: Number = -1
    lr_shrink: Float = 0.1
    max_update: Number | None = None

    def _validate(self):
        super()._validate()
        self._check_above_minimum()
        self._require("t_mult", lambda b: b >= 1, "at least 1")
        if self.max_update is None:
            more = "a positive number without `max_update`"
            self._require("lr_period_updates", lambda n: n > 0, more)
        elif self._knows("lr_period_updates", "max_update", "warmup_updates") and self._period <= 0:
            self._reject("max_update", "more than the warm-up")

    @property
    def _period(self):
        if self.max_update is None:
            return self.lr_period_updates
        whole = self.max_update - self.warmup_updates
        return xp.where(self.lr_period_updates > 0, self.lr_period_updates, whole)

    def _after(self, since):
        index, at, length, _ = cycle(since, self._period, self.t_mult)
        height = wave(xp.divide(at, length))
        return xp.power(self.lr_shrink, index) * (self.min_lr + (self.lr - self.min_lr) * height)


class fixed(_Schedule):
    """A linear warm-up, whose first rate is not 0, then a constant.

        lr(t) = lr * (t + 1) / W    for t < W
        lr(t) = lr                from then on

    Args:
      lr: the learning rate after the warm-up.
      force_anneal: None, as it changes the rate at an epoch.
      lr_shrink: the factor of each epoch from `force_anneal` on: without that, of nothing.
      warmup_updates: W, the number of updates of the warm-up.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a negative `lr` or warm-up, or a `force_anneal`.

    >>> import jax.numpy as jnp
    >>> from jaxsched import fairseq
    >>> fairseq.fixed(0.1, warmup_updates=4)(jnp.arange(6))
    Array([0.025, 0.05 , 0.075, 0.1  , 0.1  , 0.1  ], dtype=float32)

    Port of https://github.com/facebookresearch/fairseq/tree/main/fairseq/optim/lr_scheduler.
    """

    lr: Rate
    force_anneal: None = static(default=None)
    lr_shrink: Float = 0.1
    warmup_updates: Number = 0

    def _validate(self):
        super()._validate()
        self._check_force_anneal()

    def _curve(self, t):
        return self.lr * share(t + 1, 0, self._warmup)


class step(_Schedule):
    """A linear warm-up, then a factor every few updates, not below `min_lr`.

        lr(t) = max(min_lr, lr * lr_decay ** ((t - W) // P))    for t >= W

    Args:
      lr: the learning rate after the warm-up.
      warmup_updates: W, the number of updates of the warm-up.
      warmup_init_lr: the rate at count 0 of the warm-up; `min_lr` if it is negative.
      min_lr: the least rate after the warm-up.
      lr_deacy_period: P, the number of updates after each of which the rate is multiplied; so
        fairseq spells it.
      lr_decay: the factor.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a negative rate or warm-up, an `lr` that is not above `min_lr`, a period
        that is not positive, or a factor that is not from 0 to 1.

    >>> import jax.numpy as jnp
    >>> from jaxsched import fairseq
    >>> fairseq.step(0.1, 2, lr_deacy_period=2)(jnp.arange(7))
    Array([0.   , 0.05 , 0.1  , 0.1  , 0.05 , 0.05 , 0.025], dtype=float32)

    Port of https://github.com/facebookresearch/fairseq/tree/main/fairseq/optim/lr_scheduler.
    """

    lr: Rate
    warmup_updates: Number = 0
    warmup_init_lr: Rate = -1
    min_lr: Rate = 0.0
    lr_deacy_period: Number = 25000
    lr_decay: Float = 0.5

    def _validate(self):
        super()._validate()
        self._require("min_lr", lambda x: x >= 0, "a number from 0 up")
        self._check_above_minimum()
        self._require("lr_deacy_period", lambda n: n > 0, "a positive number")
        self._require("lr_decay", lambda x: 0 <= x <= 1, "from 0 to 1")

    def _after(self, since):
        drops = xp.floor_divide(since, self.lr_deacy_period)
        return xp.maximum(self.lr * xp.power(self.lr_decay, drops), self.min_lr)


class triangular(_Schedule):
    """A line up to `max_lr` and down again in each period, whose top is lower each time.

        lr(t) = low + (max_lr * a ** i - low) * (1 - abs(u / H - 1))

    in period i of 2 H counts; u counts from its start. The lowest rate `low` is `lr`, or
    `lr * a ** i` if `shrink_min`.

    Args:
      lr: the learning rate at the ends of the first period.
      max_lr: the learning rate in the middle of the first period.
      lr_period_updates: the number of updates in a period; H is half of it, cut to an integer.
      lr_shrink: a, the highest rate of each period over that of the one before.
      shrink_min: whether the lowest rate shrinks too.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a negative `lr` or `lr_shrink`, a `max_lr` that is not above `lr`, or a
        period of less than two updates, by half of which fairseq divides.

    >>> import jax.numpy as jnp
    >>> from jaxsched import fairseq
    >>> fairseq.triangular(0.01, 0.1, lr_period_updates=4, lr_shrink=0.5)(jnp.arange(7))
    Array([0.01 , 0.055, 0.1  , 0.055, 0.01 , 0.03 , 0.05 ], dtype=float32)

    Port of https://github.com/facebookresearch/fairseq/tree/main/fairseq/optim/lr_scheduler,
    the paper is https://arxiv.org/abs/1506.01186.
    """

    lr: Rate
    max_lr: Rate
    lr_period_updates: Number = 5000
    lr_shrink: Float = 0.1
    shrink_min: bool = static(default=False)

    def _validate(self):
        super()._validate()
        if is_concrete(self.lr):
            least = self.lr
            self._require("max_lr", lambda x: x > least, f"above `lr`, {least}")
        self._require("lr_period_updates", lambda n: n >= 2, "at least 2")
        self._require("lr_shrink", lambda x: x >= 0, "a number from 0 up")

    def _curve(self, t):
        half = xp.floor_divide(self.lr_period_updates, 2)
        index = xp.floor_divide(t, 2 * half)
        scale = xp.power(self.lr_shrink, index)
        height = 1.0 - abs(xp.divide(t, half) - 2.0 * (index + 1.0) + 1.0)
        low = self.lr * scale if self.shrink_min else self.lr
        return low + (self.max_lr * scale - low) * height
