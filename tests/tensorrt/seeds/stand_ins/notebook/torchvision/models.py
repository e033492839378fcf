import os

import torch


def resnet50(pretrained=False):
    return torch.Model(os.environ["VIVACE_SEED_MODEL"])
