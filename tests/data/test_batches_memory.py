import subprocess
import sys

import pytest

# 60,000 images, 176 MiB of uint8, drawn for one epoch and then for three.
DRAWN = """
import numpy as np
from kerascifar.core.contracts import Split
from kerascifar.augment.policies import make_augment
from kerascifar.data.batches import training_batches

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024

def draw(split, epochs):
    for x, _ in training_batches(split, 10, 128, 0, epochs, augment=make_augment("flip_crop", 0, (32, 32, 3))):
        pass

draw(Split(np.zeros((256, 32, 32, 3), np.uint8), np.zeros(256, np.int64)), 1)
before = peak()
split = Split(np.ones((60_000, 32, 32, 3), np.uint8), np.zeros(60_000, np.int64))
for epochs in (1, 3):
    draw(split, epochs)
    print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/status")
def test_training_batches_need_one_copy_of_the_images_whatever_the_number_of_epochs():
    done = subprocess.run([sys.executable, "-c", DRAWN], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    one, three = map(float, done.stdout.split())
    # 60,000 x 32 x 32 x 3 bytes are 175.8 MiB. A batch of 128 is 0.4 MiB as uint8 and 1.5 as float32.
    assert 175 < one < 1.3 * 175.8
    assert three < one + 16
