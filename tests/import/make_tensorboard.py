"""Makes tests/import/tensorboard-<writer>: run it with the Python of a venv that has the writer.

python make_tensorboard.py tensorboardX|torch|tensorflow|summary
"""

import contextlib
import json
import os
import shutil
import socket
import sys
import tempfile

kind = sys.argv[1]
here = os.path.dirname(os.path.abspath(__file__))
home = tempfile.mkdtemp()
os.environ.update(HOME=home, USER="someone", TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")
socket.gethostname = lambda: "node7"

import numpy  # noqa: E402

logs = home + "/logs"
pixels = numpy.zeros((4, 6, 3), dtype=numpy.uint8)
pixels[1, 2] = 255
sound = (numpy.sin(numpy.arange(400) / 5) * 0.5).astype(numpy.float32)


def with_writer(module, version):
    for name in ("lr0.1", "lr0.2/eval"):
        writer = module.SummaryWriter(f"{logs}/{name}")
        for step in range(5):
            writer.add_scalar("loss", 1 / (step + 1), step)
            writer.add_scalar("val/f1", float("nan") if step == 2 else step / 10, step)
        writer.add_image("sample", pixels, 3, dataformats="HWC")
        try:
            shaped = sound[:, None] if kind == "tensorboardX" else sound[None, :]
            writer.add_audio("tone", shaped, 3, sample_rate=4000)
        except (ImportError, ModuleNotFoundError):
            pass
        writer.add_text("note", "some *words*", 4)
        # Old torch with new numpy.
        with contextlib.suppress(TypeError):
            writer.add_histogram("weights", numpy.array([0.5, 1.5, 1.6, 2.5]), 4)
        writer.close()
    # A second process that went on with the first run.
    writer = module.SummaryWriter(f"{logs}/lr0.1", filename_suffix=".more")
    writer.add_scalar("loss", 0.125, 5)
    writer.close()
    with module.SummaryWriter(f"{logs}/tuned") as writer:
        more = {"name": "session"} if module.__name__.startswith("tensorboardX") else {"run_name": "session"}
        writer.add_hparams({"lr": 0.1, "optimizer": "adam", "bias": True}, {"accuracy": 0.9}, **more)
    return version


def with_tensorflow():
    import tensorflow as tf
    from tensorboard.plugins.hparams import api

    for name in ("train", "validation"):
        with tf.summary.create_file_writer(f"{logs}/{name}").as_default():
            api.hparams({"lr": 0.1, "optimizer": "adam", "bias": True})
            for step in range(5):
                tf.summary.scalar("loss", 1 / (step + 1), step=step)
            tf.summary.image("sample", pixels[None], step=3)
            tf.summary.audio("tone", sound[None, :, None], 4000, step=3)
            tf.summary.text("note", "some *words*", step=4)
            tf.summary.histogram("weights", [0.5, 1.5, 1.6, 2.5], step=4, buckets=3)
    return tf.__version__


if kind == "tensorboardX":
    import tensorboardX

    version = with_writer(tensorboardX, tensorboardX.__version__)
elif kind == "torch":
    import torch
    from torch.utils import tensorboard

    version = with_writer(tensorboard, torch.__version__)
else:
    version = with_tensorflow()

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # noqa: E402
from tensorboard.util import tensor_util  # noqa: E402

target = f"{here}/tensorboard-{kind}"
shutil.rmtree(target, ignore_errors=True)
expected = {
    "tool": "tensorboard",
    "writer": kind,
    "version": version,
    "python": sys.version.split()[0],
    "runs": {},
}
for directory, _, names in os.walk(logs):
    for name in names:
        # The names have the host and the process.
        parts = name.split("tfevents.")[1].split(".")
        parts[1:2] = ["node7"]
        parts[2:3] = ["4321"] if len(parts) > 2 else []
        os.rename(
            os.path.join(directory, name), os.path.join(directory, "events.out.tfevents." + ".".join(parts))
        )
    if names:
        accumulator = EventAccumulator(
            directory, size_guidance={"scalars": 0, "tensors": 0, "images": 0, "audio": 0, "histograms": 0}
        )
        accumulator.Reload()
        tags = accumulator.Tags()
        found = {
            "scalars": {
                tag: [[e.step, e.wall_time, repr(e.value)] for e in accumulator.Scalars(tag)]
                for tag in tags["scalars"]
            },
            "images": {
                tag: [
                    [e.step, e.width, e.height, len(e.encoded_image_string)] for e in accumulator.Images(tag)
                ]
                for tag in tags["images"]
            },
            "audio": {
                tag: [[e.step, len(e.encoded_audio_string)] for e in accumulator.Audio(tag)]
                for tag in tags["audio"]
            },
            "tensors": {},
        }
        for tag in tags["tensors"]:
            plugin = accumulator.SummaryMetadata(tag).plugin_data.plugin_name
            values = []
            for e in accumulator.Tensors(tag):
                array = tensor_util.make_ndarray(e.tensor_proto)
                listed = array.tolist()
                if array.dtype == object:
                    listed = (
                        [len(item) for item in numpy.ravel(array)]
                        if plugin in ("images", "audio")
                        else [item.decode() for item in numpy.ravel(array)]
                    )
                values.append([e.step, e.wall_time, listed])
            found["tensors"][tag] = {"plugin": plugin, "values": values}
        expected["runs"][os.path.relpath(directory, logs)] = found
shutil.copytree(logs, target + "/logs")
with open(target + "/expected.json", "w") as file:
    json.dump(expected, file, indent=1)
    file.write("\n")
print(target)
