"""Callback for Stable-Baselines3.

    run = wandb.init(sync_tensorboard=True, monitor_gym=True)
    model = PPO("MlpPolicy", "CartPole-v1", tensorboard_log=f"runs/{run.id}")
    model.learn(25_000, callback=WandbCallback(model_save_path="models"))

The metrics come from TensorBoard; the callback adds the parameters of the algorithm, gradients and the model.
"""

from __future__ import annotations

import os

from stable_baselines3.common.callbacks import BaseCallback

from .._session import current

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["WandbCallback"]


class WandbCallback(BaseCallback):  # type: ignore[misc]
    """Puts the parameters of an algorithm in the config, and stores its model.

    `model_save_path` is a directory that gets `model.zip`: every `model_save_freq` calls, if that is not 0,
    and when the training ends. `gradient_save_freq` watches the policy, with `log` as in `watch`.
    """

    def __init__(
        self,
        verbose: int = 0,
        model_save_path: str | None = None,
        model_save_freq: int = 0,
        gradient_save_freq: int = 0,
        log: str | None = "all",
    ) -> None:
        """Make a callback for the current run. Raises `Error` if there is none."""
        super().__init__(verbose)
        self._run = current("WandbCallback()")
        if log not in ("gradients", "parameters", "all", None):
            self._run._warn(f"WandbCallback() has no log={log!r}: it is `all`")
            log = "all"
        self.model_save_path = model_save_path
        self.model_save_freq: int = model_save_freq if model_save_path else 0
        self.gradient_save_freq = gradient_save_freq
        self.log = log
        if model_save_path:
            os.makedirs(model_save_path, exist_ok=True)
            self.path: str = os.path.join(model_save_path, "model.zip")

    def _init_callback(self) -> None:
        params: dict[str, Any] = {"algo": type(self.model).__name__}
        for name, value in vars(self.model).items():
            plain = isinstance(value, (bool, int, float, str)) or value is None
            params[name] = value if plain else str(value)
        self._run.config.setdefaults(params)
        if self.gradient_save_freq > 0:
            self._run.watch(self.model.policy, log=self.log, log_freq=self.gradient_save_freq)

    def _on_step(self) -> bool:
        if self.model_save_freq > 0 and self.n_calls % self.model_save_freq == 0:
            self.save_model()
        return True

    def _on_training_end(self) -> None:
        if self.model_save_path:
            self.save_model()

    def save_model(self) -> None:
        """Write the model, and store the file in the run."""
        self.model.save(self.path)
        self._run.save(self.path, base_path=self.model_save_path, policy="now")
