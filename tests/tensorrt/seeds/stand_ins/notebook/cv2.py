"""cv2.imread of a picture that is always the same noise."""

import numpy as np


def imread(path):
    return np.random.default_rng(934).integers(0, 256, (224, 224, 3), np.uint8)
