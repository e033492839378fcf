// A plugin: farthest point sampling, by which networks over point clouds (PointNet++) thin out their points. ONNX has
// no such operator.
//
//   indices = com.example.FarthestPoints<samples = 512>(points)
//
// From points [batch, n, dimensions] it takes `samples` of each cloud, beginning with the first, each as far as can be
// from all before it, and gives their indices [batch, samples]. Build it as a shared library and try it:
//   vivace run model.onnx --plugins ./libfarthest_points.so
#include <algorithm>
#include <limits>

#include "vivace/plugin.hpp"

namespace {

namespace plugin = vivace::plugin;

class FarthestPoints : public plugin::Operator {
 public:
  explicit FarthestPoints(const Node& node) : samples_(node.integer("samples")) {
    if (samples_ < 1) throw plugin::Failure("samples is " + std::to_string(samples_) + ", which is none");
  }

  void infer(const Inference& in) const override {
    const plugin::Tensor points = in.input(0);
    if (points.dtype() != VIVACE_F32) throw plugin::Failure("points are f32, not others");
    if (points.rank() != -1 && points.rank() != 3) throw plugin::Failure("points are [batch, n, dimensions]");
    if (points.rank() == 3 && points.dim(1) >= 0 && points.dim(1) < samples_)
      throw plugin::Failure("there are " + std::to_string(points.dim(1)) + " points, too few for " +
                            std::to_string(samples_) + " samples");
    in.output(0).set(VIVACE_I64, {-1, samples_});
    if (points.rank() == 3) in.output(0).set_dim(0, points, 0);
  }

  // Of each point the distance to the nearest sample so far.
  size_t workspace(vivace_plugin_place, const Tensors& tensors) const override {
    const plugin::Tensor& points = tensors.inputs[0];
    return static_cast<size_t>(points.dim(0) * points.dim(1)) * sizeof(float);
  }

  void run(const Call& call) const override {
    const plugin::Tensor points = call.input(0);
    const int64_t n = points.dim(1), dimensions = points.dim(2);
    call.parallel(points.dim(0), 1, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b)
        sample(points.data<float>() + b * n * dimensions, n, dimensions, static_cast<float*>(call.workspace()) + b * n,
               call.output(0).data<int64_t>() + b * samples_);
    });
  }

 private:
  void sample(const float* points, int64_t n, int64_t dimensions, float* nearest, int64_t* indices) const {
    std::fill(nearest, nearest + n, std::numeric_limits<float>::infinity());
    int64_t last = 0;
    for (int64_t s = 0; s < samples_; ++s) {
      indices[s] = last;
      const float* from = points + last * dimensions;
      int64_t farthest = 0;
      for (int64_t i = 0; i < n; ++i) {
        float squared = 0;
        for (int64_t d = 0; d < dimensions; ++d) {
          const float difference = points[i * dimensions + d] - from[d];
          squared += difference * difference;
        }
        nearest[i] = std::min(nearest[i], squared);
        if (nearest[i] > nearest[farthest]) farthest = i;
      }
      last = farthest;
    }
  }

  int64_t samples_;
};

}  // namespace

VIVACE_PLUGINS(registry) { plugin::add<FarthestPoints>(registry, "com.example", "FarthestPoints", 1); }
