// Compares the declarations in cublas_lt.h with cuBLASLt's own header, if the toolkit has it.
#pragma once

#if !defined(NEURODE_CUDA_EMULATOR) && __has_include(<cublasLt.h>)
#include <cublasLt.h>

#include <type_traits>

#include "cuda/wide/cublas_lt.h"

namespace neurode::cuda::lt {

static_assert(sizeof(Algorithm) == sizeof(cublasLtMatmulAlgo_t));
static_assert(sizeof(Heuristic) == sizeof(cublasLtMatmulHeuristicResult_t));
static_assert(offsetof(Heuristic, workspace) ==
              offsetof(cublasLtMatmulHeuristicResult_t, workspaceSize));
static_assert(offsetof(Heuristic, status) == offsetof(cublasLtMatmulHeuristicResult_t, state));
static_assert(sizeof(cublasStatus_t) == sizeof(int) && kSuccess == CUBLAS_STATUS_SUCCESS &&
              kAllocationFailed == CUBLAS_STATUS_ALLOC_FAILED);
static_assert(kFloat32 == CUDA_R_32F && kBFloat16 == CUDA_R_16BF);
static_assert(kCompute32F == CUBLAS_COMPUTE_32F &&
              kCompute32FFastTf32 == CUBLAS_COMPUTE_32F_FAST_TF32);
static_assert(kNone == CUBLAS_OP_N && kTransposed == CUBLAS_OP_T);
static_assert(kDefault == CUBLASLT_EPILOGUE_DEFAULT && kRelu == CUBLASLT_EPILOGUE_RELU &&
              kBias == CUBLASLT_EPILOGUE_BIAS && kReluBias == CUBLASLT_EPILOGUE_RELU_BIAS);
static_assert(kTransA == CUBLASLT_MATMUL_DESC_TRANSA && kTransB == CUBLASLT_MATMUL_DESC_TRANSB &&
              kEpilogue == CUBLASLT_MATMUL_DESC_EPILOGUE &&
              kBiasPointer == CUBLASLT_MATMUL_DESC_BIAS_POINTER &&
              kBiasDataType == CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE);
static_assert(kMaxWorkspaceBytes == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES);
static_assert(
    std::is_same_v<decltype(&cublasLtMatmul),
                   cublasStatus_t (*)(cublasLtHandle_t, cublasLtMatmulDesc_t, const void*,
                                      const void*, cublasLtMatrixLayout_t, const void*,
                                      cublasLtMatrixLayout_t, const void*, const void*,
                                      cublasLtMatrixLayout_t, void*, cublasLtMatrixLayout_t,
                                      const cublasLtMatmulAlgo_t*, void*, size_t, cudaStream_t)>);
static_assert(
    std::is_same_v<decltype(&cublasLtMatmulAlgoGetHeuristic),
                   cublasStatus_t (*)(
                       cublasLtHandle_t, cublasLtMatmulDesc_t, cublasLtMatrixLayout_t,
                       cublasLtMatrixLayout_t, cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                       cublasLtMatmulPreference_t, int, cublasLtMatmulHeuristicResult_t*, int*)>);
static_assert(std::is_same_v<decltype(&cublasLtMatrixLayoutCreate),
                             cublasStatus_t (*)(cublasLtMatrixLayout_t*, cudaDataType, uint64_t,
                                                uint64_t, int64_t)>);
static_assert(
    std::is_same_v<decltype(&cublasLtMatmulDescCreate),
                   cublasStatus_t (*)(cublasLtMatmulDesc_t*, cublasComputeType_t, cudaDataType_t)>);

}  // namespace neurode::cuda::lt
#endif
