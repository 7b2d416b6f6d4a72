// Every status of the CUDA libraries becomes an exception that names the call's file and line. For nvcc and the host
// sources of cuda/ only.
#pragma once

#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <cufft.h>
#include <cusolverDn.h>

#include <source_location>
#include <string>

#include "descrambler/error.hpp"

namespace descrambler::cuda {

[[noreturn]] inline void fail(const std::string& what, const std::source_location& where) {
    throw Error(what + " (" + where.file_name() + ":" + std::to_string(where.line()) + ")");
}
inline void check(cudaError_t status, const std::source_location& where = std::source_location::current()) {
    if (status != cudaSuccess)
        fail(std::string("CUDA: ") + cudaGetErrorString(status), where);
}
inline void check(cublasStatus_t status, const std::source_location& where = std::source_location::current()) {
    if (status != CUBLAS_STATUS_SUCCESS)
        fail(std::string("cuBLAS: ") + cublasGetStatusString(status), where);
}
inline void check(cusolverStatus_t status, const std::source_location& where = std::source_location::current()) {
    if (status != CUSOLVER_STATUS_SUCCESS)
        fail("cuSOLVER: status " + std::to_string(static_cast<int>(status)), where);
}
inline void check(cufftResult status, const std::source_location& where = std::source_location::current()) {
    if (status != CUFFT_SUCCESS)
        fail("cuFFT: status " + std::to_string(static_cast<int>(status)), where);
}

}  // namespace descrambler::cuda
