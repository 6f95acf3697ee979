import gymnasium
import numpy as np
import wandb
from gymnasium.wrappers import RecordVideo
from report import report
from stable_baselines3 import PPO
from stable_baselines3.common.logger import KVWriter
from wandb.integration.sb3 import WandbCallback

run = wandb.init(project="sb3", sync_tensorboard=True, monitor_gym=True, save_code=True)
said = {}


class Said(KVWriter):
    def write(self, key_values, key_excluded, step=0):
        for key, value in key_values.items():
            if isinstance(value, (int, float, np.number)) and "tensorboard" not in (key_excluded[key] or ()):
                said.setdefault(key, []).append([step, float(value)])

    def close(self):
        pass


environment = RecordVideo(gymnasium.make("CartPole-v1", render_mode="rgb_array"), "videos", lambda n: n == 0)
model = PPO(
    "MlpPolicy", environment, n_steps=64, batch_size=32, n_epochs=2, tensorboard_log=f"runs/{run.id}", seed=1
)


class Callback(WandbCallback):
    def _on_training_start(self):
        self.model.logger.output_formats.append(Said())


model.learn(192, callback=Callback(model_save_path="models", gradient_save_freq=4))
report(said=said)
environment.close()
run.finish()
