import numpy as np
import torch


class Compose:
    def __init__(self, steps):
        self.steps = steps

    def __call__(self, x):
        for step in self.steps:
            x = step(x)
        return x


class ToTensor:
    def __call__(self, image):
        return torch.Tensor(np.ascontiguousarray(image.transpose(2, 0, 1)).astype(np.float32) / 255)


class Resize:
    def __init__(self, size):
        self.size = size

    def __call__(self, tensor):
        assert tensor.numpy().shape[1:] == (self.size, self.size), "the stand-in's pictures have the size they need"
        return tensor


class Normalize:
    def __init__(self, mean, std):
        self.mean, self.std = (np.array(v, np.float32).reshape(-1, 1, 1) for v in (mean, std))

    def __call__(self, tensor):
        return torch.Tensor((tensor.numpy() - self.mean) / self.std)
