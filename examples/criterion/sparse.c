/* A criterion of one's own: sum over all rotated signals y = P s of log(1 + y^2), small where most of them are near zero.
 *   cc -O2 -shared -fPIC -I include examples/criterion/sparse.c -o sparse.so */
#include <descrambler/criterion_plugin.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

double descrambler_criterion(int64_t n, int64_t samples, const double* signals, const double* P, double* gradient) {
    double value = 0;
    double* y = malloc((size_t)n * sizeof(double));
    if (gradient)
        memset(gradient, 0, (size_t)(n * n) * sizeof(double));
    for (int64_t sample = 0; sample < samples; ++sample) {
        const double* s = signals + sample * n;
        memset(y, 0, (size_t)n * sizeof(double));
        for (int64_t j = 0; j < n; ++j)
            for (int64_t i = 0; i < n; ++i)
                y[i] += P[j * n + i] * s[j];
        for (int64_t i = 0; i < n; ++i) {
            value += log1p(y[i] * y[i]);
            y[i] = 2 * y[i] / (1 + y[i] * y[i]);
        }
        if (gradient)
            for (int64_t j = 0; j < n; ++j)
                for (int64_t i = 0; i < n; ++i)
                    gradient[j * n + i] += y[i] * s[j];
    }
    free(y);
    return value;
}
