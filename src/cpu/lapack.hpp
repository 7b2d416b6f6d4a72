// The Fortran routines of LAPACK that are used (a C header is not part of every BLAS package), and two overloads of
// each so that templates can call them.
#pragma once

#include <cblas.h>

extern "C" {
void sgeqrf_(const int* m, const int* n, float* a, const int* lda, float* tau, float* work, const int* lwork,
             int* info);
void dgeqrf_(const int* m, const int* n, double* a, const int* lda, double* tau, double* work, const int* lwork,
             int* info);
void sorgqr_(const int* m, const int* n, const int* k, float* a, const int* lda, const float* tau, float* work,
             const int* lwork, int* info);
void dorgqr_(const int* m, const int* n, const int* k, double* a, const int* lda, const double* tau, double* work,
             const int* lwork, int* info);
void ssyevd_(const char* jobz, const char* uplo, const int* n, float* a, const int* lda, float* w, float* work,
             const int* lwork, int* iwork, const int* liwork, int* info);
void dsyevd_(const char* jobz, const char* uplo, const int* n, double* a, const int* lda, double* w, double* work,
             const int* lwork, int* iwork, const int* liwork, int* info);
void sgesdd_(const char* jobz, const int* m, const int* n, float* a, const int* lda, float* s, float* u, const int* ldu,
             float* vt, const int* ldvt, float* work, const int* lwork, int* iwork, int* info);
void dgesdd_(const char* jobz, const int* m, const int* n, double* a, const int* lda, double* s, double* u,
             const int* ldu, double* vt, const int* ldvt, double* work, const int* lwork, int* iwork, int* info);
void sposv_(const char* uplo, const int* n, const int* nrhs, float* a, const int* lda, float* b, const int* ldb,
            int* info);
void dposv_(const char* uplo, const int* n, const int* nrhs, double* a, const int* lda, double* b, const int* ldb,
            int* info);
}

namespace descrambler::cpu::lapack {

inline void geqrf(int m, int n, float* a, float* tau, float* work, int lwork, int& info) {
    sgeqrf_(&m, &n, a, &m, tau, work, &lwork, &info);
}
inline void geqrf(int m, int n, double* a, double* tau, double* work, int lwork, int& info) {
    dgeqrf_(&m, &n, a, &m, tau, work, &lwork, &info);
}
inline void orgqr(int m, int n, float* a, const float* tau, float* work, int lwork, int& info) {
    sorgqr_(&m, &n, &n, a, &m, tau, work, &lwork, &info);
}
inline void orgqr(int m, int n, double* a, const double* tau, double* work, int lwork, int& info) {
    dorgqr_(&m, &n, &n, a, &m, tau, work, &lwork, &info);
}
inline void syevd(int n, float* a, float* w, float* work, int lwork, int* iwork, int liwork, int& info) {
    ssyevd_("V", "L", &n, a, &n, w, work, &lwork, iwork, &liwork, &info);
}
inline void syevd(int n, double* a, double* w, double* work, int lwork, int* iwork, int liwork, int& info) {
    dsyevd_("V", "L", &n, a, &n, w, work, &lwork, iwork, &liwork, &info);
}
inline void gesdd(const char* job, int m, int n, float* a, float* s, float* u, float* vt, int k, float* work, int lwork,
                  int* iwork, int& info) {
    sgesdd_(job, &m, &n, a, &m, s, u, &m, vt, &k, work, &lwork, iwork, &info);
}
inline void gesdd(const char* job, int m, int n, double* a, double* s, double* u, double* vt, int k, double* work,
                  int lwork, int* iwork, int& info) {
    dgesdd_(job, &m, &n, a, &m, s, u, &m, vt, &k, work, &lwork, iwork, &info);
}
inline void posv(int n, int nrhs, float* a, float* b, int& info) {
    sposv_("L", &n, &nrhs, a, &n, b, &n, &info);
}
inline void posv(int n, int nrhs, double* a, double* b, int& info) {
    dposv_("L", &n, &nrhs, a, &n, b, &n, &info);
}

}  // namespace descrambler::cpu::lapack

namespace descrambler::cpu {

inline void gemm(CBLAS_TRANSPOSE a, CBLAS_TRANSPOSE b, int m, int n, int k, float alpha, const float* A, int lda,
                 const float* B, int ldb, float beta, float* C, int ldc) {
    cblas_sgemm(CblasColMajor, a, b, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc);
}
inline void gemm(CBLAS_TRANSPOSE a, CBLAS_TRANSPOSE b, int m, int n, int k, double alpha, const double* A, int lda,
                 const double* B, int ldb, double beta, double* C, int ldc) {
    cblas_dgemm(CblasColMajor, a, b, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc);
}
inline void syrk(int n, int k, const float* A, int lda, float beta, float* C, int ldc) {
    cblas_ssyrk(CblasColMajor, CblasLower, CblasNoTrans, n, k, 1, A, lda, beta, C, ldc);
}
inline void syrk(int n, int k, const double* A, int lda, double beta, double* C, int ldc) {
    cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, n, k, 1, A, lda, beta, C, ldc);
}

// B [n, n] := B L, L lower triangular
inline void trmm_right_lower(int n, const float* L, float* B) {
    cblas_strmm(CblasColMajor, CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, n, n, 1, L, n, B, n);
}
inline void trmm_right_lower(int n, const double* L, double* B) {
    cblas_dtrmm(CblasColMajor, CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, n, n, 1, L, n, B, n);
}

}  // namespace descrambler::cpu
