"""What the snippet takes for granted: labels and what a classifier says of them."""

import numpy as np
import wandb

random = np.random.default_rng(7)
class_names = ["cat", "dog", "fox"]
true_labels = random.integers(0, 3, 200).tolist()
y_true = np.array(true_labels)
y_probs = random.dirichlet([1, 1, 1], 200) * 0.5 + np.eye(3)[y_true] * 0.5
predictions = y_probs.argmax(axis=1).tolist()
np.savez("labels.npz", y_true=y_true, y_probs=y_probs)

wandb.init(project="charts")
