"""Tensors of torch as pictures, histograms and lists."""

from __future__ import annotations

import io
import json
import sqlite3
from pathlib import Path
from typing import Any

import danlu
import numpy as np
import PIL.Image
import pytest
import torch

RGB = np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def test_tensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tensor = torch.from_numpy(np.ascontiguousarray(RGB.transpose(2, 0, 1)))
    scaled = (tensor.float() / 255).requires_grad_()
    image = danlu.Image
    with danlu.init() as run:
        run.log({"bytes": image(tensor), "floats": image(scaled), "gray": image(tensor[0])})
        run.log({"half": image(tensor[:1].bfloat16()), "grid": image(torch.stack([tensor] * 10))})
        run.log({"hist": torch.rand(100, requires_grad=True), "few": torch.tensor([1.0, 2.0])})
    assert run.lost == 0
    connection = sqlite3.connect(str(run.file))
    values = {key: json.loads(text) for key, text in connection.execute("SELECT key, value FROM history")}
    connection.close()
    stored = danlu.open(str(run.file))

    def of(key: str) -> Any:
        with stored.file(values[key]["path"]).download(str(tmp_path / key), replace=True) as file:
            return np.asarray(PIL.Image.open(io.BytesIO(Path(file.name).read_bytes())))

    assert (of("bytes") == RGB).all()
    assert (of("floats") == RGB).all()
    assert (of("gray") == RGB[..., 0]).all()
    assert abs(of("half").astype(int) - RGB[..., 0]).max() <= 1
    assert of("grid").shape == (2 * 50 + 2, 8 * 66 + 2, 3)
    assert (of("grid")[52:100, 68:132] == RGB).all()
    assert sum(values["hist"]["values"]) == 100
    assert values["few"] == [1.0, 2.0]
