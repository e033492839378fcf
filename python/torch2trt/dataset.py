"""Recorded inputs of a module: examples whose shapes an engine takes, and what INT8 is calibrated with."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Sequence
from typing import Any

import torch

import tensorrt as trt

from .flattener import Flattener

Shapes = list[torch.Size]
# From generation 11 on TensorRT calibrates nothing, and these names are gone.
DEFAULT_CALIBRATION_ALGORITHM = getattr(getattr(trt, "CalibrationAlgoType", None), "ENTROPY_CALIBRATION_2", None)


class DatasetRecorder:
    """While it is entered, what a module is called with goes into a dataset."""

    def __init__(self, dataset: Dataset, module: torch.nn.Module) -> None:
        self.dataset = dataset
        self.module = module
        self._handle: Any = None

    def __enter__(self) -> DatasetRecorder:
        if self._handle is not None:
            raise RuntimeError("This recorder is at work already")
        self._handle = self.module.register_forward_pre_hook(lambda module, inputs: self.dataset.insert(inputs))
        return self

    def __exit__(self, *error: object) -> None:
        self._handle.remove()
        self._handle = None


class Dataset:
    """Items are the arguments of one call each: tuples, nested as the module wants them."""

    _flattener: Flattener | None = None

    def __len__(self) -> int:
        raise NotImplementedError

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError

    def insert(self, item: Any) -> None:
        raise NotImplementedError

    def record(self, module: torch.nn.Module) -> DatasetRecorder:
        return DatasetRecorder(self, module)

    @property
    def flattener(self) -> Flattener:
        if self._flattener is None:
            if not len(self):
                raise ValueError("This dataset is empty; insert() an item or record() a module first")
            self._flattener = Flattener.from_value(self[0])
        return self._flattener

    def getitem_flat(self, index: int) -> list[torch.Tensor]:
        return self.flattener.flatten(self[index])

    def num_inputs(self) -> int:
        return self.flattener.size

    def _nested(self, values: list[Any], flat: bool) -> Any:
        return values if flat else self.flattener.unflatten(values)

    def shapes(self, flat: bool = False) -> Any:
        """For each input the list of its shapes."""
        items = [self.getitem_flat(index) for index in range(len(self))]
        return self._nested([[tensor.shape for tensor in tensors] for tensors in zip(*items)], flat)

    def min_shapes(self, flat: bool = False) -> Any:
        return self._nested([_each_axis(min, shapes) for shapes in self.shapes(flat=True)], flat)

    def max_shapes(self, flat: bool = False) -> Any:
        return self._nested([_each_axis(max, shapes) for shapes in self.shapes(flat=True)], flat)

    def item_numel(self, index: int) -> int:
        return sum(tensor.numel() for tensor in self.getitem_flat(index))

    def median_numel_shapes(self, flat: bool = False) -> Any:
        """The shapes of the item of median size."""
        order = sorted(range(len(self)), key=self.item_numel)
        return self._nested([tensor.shape for tensor in self.getitem_flat(order[len(order) // 2])], flat)

    def infer_dynamic_axes(self, flat: bool = False) -> Any:
        ranges = zip(self.min_shapes(flat=True), self.max_shapes(flat=True))
        axes = [[axis for axis in range(len(low)) if low[axis] != high[axis]] for low, high in ranges]
        return self._nested(axes, flat)


def _each_axis(choose: Any, shapes: Sequence[torch.Size]) -> torch.Size:
    return torch.Size([choose(sizes) for sizes in zip(*shapes)])


class ListDataset(Dataset):
    """In memory, item by item."""

    def __init__(self, items: Iterable[Any] = ()) -> None:
        self.items = list(items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.items[index]

    def insert(self, item: Any) -> None:
        self.items.append(item)


class TensorBatchDataset(Dataset):
    """In memory, one tensor for each input, whose first dimension counts the items."""

    def __init__(self, tensors: Any = None) -> None:
        self.tensors: list[torch.Tensor] = []
        if tensors is not None:
            self.insert(tensors)

    def __len__(self) -> int:
        return len(self.tensors[0]) if self.tensors else 0

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(f"This dataset has {len(self)} items, none of number {index}")
        return self.flattener.unflatten([tensor[index : index + 1] for tensor in self.tensors])

    def insert(self, item: Any) -> None:
        if self._flattener is None:
            self._flattener = Flattener.from_value(item)
        tensors = self._flattener.flatten(item)
        self.tensors = [torch.cat(pair) for pair in zip(self.tensors, tensors)] if self.tensors else tensors


class FolderDataset(Dataset):
    """A file of a folder for each item."""

    def __init__(self, folder: str | pathlib.Path) -> None:
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def file_paths(self) -> list[str]:
        return sorted(str(path) for path in self.folder.glob("*.pth"))

    def __len__(self) -> int:
        return len(self.file_paths())

    def __getitem__(self, index: int) -> Any:
        return torch.load(self.file_paths()[index])

    def insert(self, item: Any) -> None:
        number = len(self)
        while (self.folder / f"input_{number:06}.pth").exists():
            number += 1
        torch.save(item, self.folder / f"input_{number:06}.pth")


class DatasetCalibrator(getattr(trt, "IInt8Calibrator", object)):
    """Gives the builder the items of a dataset, one after the other."""

    def __init__(
        self,
        dataset: Any,
        algorithm: trt.CalibrationAlgoType = DEFAULT_CALIBRATION_ALGORITHM,
        cache_file: str | None = None,
        flattener: Flattener | None = None,
    ) -> None:
        super().__init__()
        self.dataset = dataset
        self.algorithm = algorithm
        self.cache_file = pathlib.Path(cache_file) if cache_file is not None else None
        self.flattener = flattener or Flattener.from_value(dataset[0])
        self.count = 0
        self._held: list[torch.Tensor] = []

    def get_batch(self, *names: Any) -> list[int]:
        if self.count >= len(self.dataset):
            return []
        self._held = [tensor.contiguous() for tensor in self.flattener.flatten(self.dataset[self.count])]
        self.count += 1
        return [tensor.data_ptr() for tensor in self._held]

    def get_algorithm(self) -> trt.CalibrationAlgoType:
        return self.algorithm

    def get_batch_size(self) -> int:
        return 1

    def read_calibration_cache(self, *length: Any) -> bytes | None:
        return self.cache_file.read_bytes() if self.cache_file is not None and self.cache_file.exists() else None

    def write_calibration_cache(self, cache: Any, *length: Any) -> None:
        if self.cache_file is not None:
            self.cache_file.write_bytes(cache)
