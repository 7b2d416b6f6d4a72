// The operators of ai.onnx that are read, and why others are not.
#include <array>
#include <string_view>

#include "graph/import.hpp"

namespace descrambler {

const OperatorEntry* operator_entry(const std::string& onnx) {
    for (const auto& family :
         {convolve_operators(), product_operators(), pointwise_operators(), arithmetic_operators(), move_operators(),
          pool_operators(), resize_operators(), normalise_operators(), constant_operators()})
        for (const OperatorEntry& entry : family)
            if (onnx == entry.onnx)
                return &entry;
    return nullptr;
}

std::string reason_against(const std::string& onnx) {
    struct Reason {
        std::string_view onnx, reason;
    };
    constexpr std::array reasons{
        Reason{"Loop", "loops are not served"},
        Reason{"Scan", "loops are not served"},
        Reason{"RNN", "recurrent layers are not served"},
        Reason{"LSTM", "recurrent layers are not served"},
        Reason{"GRU", "recurrent layers are not served"},
        Reason{"NonMaxSuppression", "a choice that is no linear map"},
        Reason{"TopK", "a choice that is no linear map"},
        Reason{"ArgMax", "an index is no linear map of the input"},
        Reason{"ArgMin", "an index is no linear map of the input"},
        Reason{"Round", "steps have no linear map"},
        Reason{"Sign", "steps have no linear map"},
        Reason{"QuantizeLinear", "quantised activations are not served"},
        Reason{"DynamicQuantizeLinear", "quantised activations are not served"},
        Reason{"ConvInteger", "quantised activations are not served"},
        Reason{"MatMulInteger", "quantised activations are not served"},
        Reason{"QLinearConv", "quantised activations are not served"},
        Reason{"QLinearMatMul", "quantised activations are not served"},
        Reason{"RandomNormal", "random numbers are not served"},
        Reason{"RandomUniform", "random numbers are not served"},
        Reason{"RandomNormalLike", "random numbers are not served"},
        Reason{"RandomUniformLike", "random numbers are not served"},
        Reason{"GridSample", "sampling at places that hang on the input is not served"},
        Reason{"DeformConv", "sampling at places that hang on the input is not served"},
    };
    for (const Reason& known : reasons)
        if (onnx == known.onnx)
            return std::string(known.reason);
    return {};
}

}  // namespace descrambler
