"""What the snippet uses and does not define: one import, the test data, and the best so far."""

import torch
import torch.nn.functional as F
from torchvision import datasets, transforms

torch.manual_seed(7)
test_loader = torch.utils.data.DataLoader(
    datasets.MNIST(
        "../data",
        train=False,
        transform=transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))]),
    ),
    batch_size=256,
)
best_acc = 0
