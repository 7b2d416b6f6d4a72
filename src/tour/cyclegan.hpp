// The generator of CycleGAN as a graph without weights: Zhu et al. (ICCV 2017), after Johnson et al. (ECCV 2016).
#pragma once

#include "descrambler/onnx.hpp"

namespace descrambler::tour {

// Convolutions of 64, 128 and 256 channels, residual blocks, and two transposed convolutions back; instance norms, ReLU,
// tanh at the end. Weights are zeros: import with random ones.
[[nodiscard]] OnnxModel cyclegan(int blocks);

}  // namespace descrambler::tour
