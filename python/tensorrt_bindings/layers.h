// How layers are bound: a class per interface, getters and setters as properties.
#pragma once

#include "bind.h"

namespace tensorrt_python {

/// Keeps weights with the network that the layer belongs to.
void keep_weights(nb::handle layer, nb::handle owner);

template <class Layer, class Base = nvinfer1::ILayer>
using LayerClass = nb::class_<Layer, Base>;

/// A property of weights: arrays come out, arrays or Weights go in.
template <class Layer>
void weights_property(nb::class_<Layer, nvinfer1::ILayer>& type, const char* name,
                      nvinfer1::Weights (Layer::*get)() const, void (Layer::*set)(nvinfer1::Weights)) {
  type.def_prop_rw(
      name, [get](nb::pointer_and_handle<Layer> layer) { return to_array((layer.p->*get)(), layer.h); },
      [set](nb::pointer_and_handle<Layer> layer, const HeldWeights& held) {
        keep_weights(layer.h, held.owner);
        (layer.p->*set)(held.weights);
      });
}

#define PROPERTY(Class, python, Name) .def_prop_rw(python, &Class::get##Name, &Class::set##Name)

}  // namespace tensorrt_python

/// A layer comes to Python as its own interface, not as ILayer.
template <>
struct nanobind::detail::type_hook<nvinfer1::ILayer> : std::true_type {
  static const std::type_info* get(const nvinfer1::ILayer* layer);
};
