import keras
import numpy as np
import tensorflow as tf
import wandb
from report import report

run = wandb.init(project="writer", sync_tensorboard=True)
writer = tf.summary.create_file_writer("logs/mine")
losses = [1 / (step + 1) for step in range(20)]
with writer.as_default():
    for step, loss in enumerate(losses):
        tf.summary.scalar("loss", loss, step * 5)
    tf.summary.image("picture", np.full((1, 4, 6, 3), 0.5, "float32"), 7)
    tf.summary.histogram("weights", np.arange(6.0), 8, buckets=3)
model = keras.Sequential([keras.layers.Dense(1, input_shape=(2,))])
model.compile("sgd", "mse")
x = np.random.rand(32, 2)
history = model.fit(
    x,
    x.sum(1),
    epochs=3,
    validation_split=0.5,
    verbose=0,
    callbacks=[keras.callbacks.TensorBoard("logs/keras")],
)
report(losses=losses, history=history.history)
run.finish()
