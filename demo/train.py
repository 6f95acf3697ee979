"""Trains a small neural network to read handwritten digits, and keeps track of it with danlu.

    python train.py --learning-rate 0.01 --batch-size 64 --hidden 64

Then look: `danlu ls`, or `sqlite3 wandb/latest-run.sqlite "SELECT * FROM summary"`.
"""

from __future__ import annotations

import argparse
import pickle
import time
from collections.abc import Iterator
from pathlib import Path

import danlu as wandb
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

DIGITS = np.arange(10)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train a small neural network to read handwritten digits.")
    parser.add_argument("--learning-rate", type=float, default=0.003)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--hidden", type=int, default=64, help="neurons of the hidden layer")
    parser.add_argument("--name", default="digits", help="name of the run, and of its checkpoint")
    parser.add_argument("--dir", type=Path, default=Path(), help="where wandb/ and the checkpoint go")
    parser.add_argument("--pace", type=float, default=0.0, help="seconds to rest after each batch")
    parser.add_argument("--ack", type=Path, help="append the number of each row here once it is logged")
    return parser.parse_args()


def load_data() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns images and labels to train with, then those to validate with."""
    images, labels = load_digits(return_X_y=True)
    train_x, val_x, train_y, val_y = train_test_split(
        images / 16.0, labels, test_size=0.2, random_state=0, stratify=labels
    )
    return train_x, train_y, val_x, val_y


def batches(x: np.ndarray, y: np.ndarray, size: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields the data in random order, without the last batch if it is not full."""
    order = np.random.default_rng(seed).permutation(len(x))
    for start in range(0, len(x) - size + 1, size):
        chosen = order[start : start + size]
        yield x[chosen], y[chosen]


def save_checkpoint(model: MLPClassifier, path: Path) -> None:
    """Writes the model to a file and stores that file in the run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(model))
    wandb.save(str(path))


class Logger:
    """Logs rows; if asked to, notes in a file which of them `log` has returned from."""

    def __init__(self, ack: Path | None) -> None:
        self.rows = 0
        self.ack = ack.open("a", buffering=1) if ack else None

    def log(self, values: dict[str, float]) -> None:
        wandb.log(values)
        if self.ack:
            self.ack.write(f"{self.rows}\n")
        self.rows += 1


def train(args: argparse.Namespace) -> float:
    """Trains, logs and returns the best accuracy on the validation data."""
    train_x, train_y, val_x, val_y = load_data()
    model = MLPClassifier(
        hidden_layer_sizes=(args.hidden,),
        learning_rate_init=args.learning_rate,
        batch_size=args.batch_size,
        random_state=0,
    )
    logger = Logger(args.ack)
    best = 0.0
    for epoch in range(args.epochs):
        losses = []
        for batch_x, batch_y in batches(train_x, train_y, args.batch_size, seed=epoch):
            model.partial_fit(batch_x, batch_y, classes=DIGITS)
            losses.append(model.loss_)
            logger.log({"batch_loss": model.loss_})
            time.sleep(args.pace)
        accuracy = model.score(val_x, val_y)
        logger.log(
            {
                "epoch": epoch,
                "train_loss": float(np.mean(losses)),
                "val_loss": log_loss(val_y, model.predict_proba(val_x), labels=DIGITS),
                "val_accuracy": accuracy,
            }
        )
        save_checkpoint(model, args.dir.resolve() / "models" / f"{args.name}.pkl")
        best = max(best, accuracy)
        wandb.summary["best_accuracy"] = best
        print(f"epoch {epoch}: accuracy {accuracy:.4f}", flush=True)
    return best


def main() -> None:
    args = parse_arguments()
    settings = {key: getattr(args, key) for key in ("learning_rate", "batch_size", "hidden", "epochs")}
    wandb.init(project="digits", name=args.name, dir=str(args.dir), config=settings)
    best = train(args)
    wandb.finish()
    print(f"best accuracy {best:.4f}")


if __name__ == "__main__":
    main()
