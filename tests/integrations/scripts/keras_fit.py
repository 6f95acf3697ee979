import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
import wandb
from report import report
from wandb.integration.keras import WandbCallback, WandbEvalCallback, WandbMetricsLogger, WandbModelCheckpoint

BEST = "best.keras" if keras.__version__ >= "3" else "best.h5"


class Evaluate(WandbEvalCallback):
    def add_ground_truth(self, logs=None):
        for n in range(4):
            self.data_table.add_data(n, int(y[n]))

    def add_model_predictions(self, epoch, logs=None):
        for n, said in enumerate(self.model.predict(x[:4], verbose=0)):
            self.pred_table.add_data(epoch, n, int(said.argmax()))


wandb.init(project="keras", config={"units": 4})
keras.utils.set_random_seed(1)
model = keras.Sequential(
    [
        keras.layers.Dense(wandb.config.units, activation="relu", input_shape=(3,)),
        keras.layers.Dense(2, activation="softmax"),
    ]
)
model.compile(keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
x = np.random.rand(64, 3).astype("float32")
y = (x.sum(1) > 1.5).astype(int)
history = model.fit(
    x,
    y,
    validation_split=0.25,
    epochs=3,
    batch_size=16,
    verbose=0,
    callbacks=[
        WandbMetricsLogger(log_freq=2),
        WandbModelCheckpoint(BEST, save_best_only=True),
        WandbCallback(save_model=keras.__version__ >= "3", log_weights=True, save_graph=True),
        Evaluate(["n", "truth"], ["epoch", "n", "said"]),
    ],
)
report(history=history.history, id=wandb.run.id, version=keras.__version__, best=os.path.getsize(BEST))
wandb.finish()
