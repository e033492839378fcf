// Arrays between Python and Vivace.
//
// Types that NumPy has go as arrays (anything with DLPack or the buffer protocol comes in), memory shared both ways.
// The others go as tuples that the Python part of the package makes and takes: (type, shape, bytes as an uint8 array),
// strings as (type, shape, list of bytes). Sequences, optionals and maps go as lists of their elements.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include "vivace/vivace.hpp"

namespace vivace_python {

namespace nb = nanobind;

/// A tensor on the object's memory; `keep` holds what must outlive it. Copies where the object is not contiguous.
vivace::Tensor to_tensor(nb::handle object, nb::list& keep);
/// An array or a tuple that owns the tensor.
nb::object to_python(vivace::Tensor tensor);

void bind_network(nb::module_& m);
void bind_plugins(nb::module_& m);

}  // namespace vivace_python
