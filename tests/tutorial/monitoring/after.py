# A share of processor time takes some time to be measured.
import time

end = time.monotonic() + 1.5
while time.monotonic() < end:
    torch.randn(200, 200) @ torch.randn(200, 200)
wandb.finish()
