/* The interface of a user's criterion: compile a C or C++ file that defines this function into a shared object,
 *   cc -O2 -shared -fPIC mine.c -o mine.so
 * and name it: descrambler layer NET --inputs X --layer 1 --criterion ./mine.so --check-gradient --out result.h5
 * examples/criterion/sparse.c is one. */
#ifndef DESCRAMBLER_CRITERION_PLUGIN_H
#define DESCRAMBLER_CRITERION_PLUGIN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The value at P, to be minimised over orthogonal P. Matrices are column-major: signals [n, samples], P [n, n].
 * Where gradient is not NULL, d value / d P_ij is written to it [n, n], which is zero at the call. A value or gradient
 * that is not finite ends the run with an error. Called from several threads: no global state, no exceptions. */
double descrambler_criterion(int64_t n, int64_t samples, const double* signals, const double* P, double* gradient);

#ifdef __cplusplus
}
#endif
#endif
