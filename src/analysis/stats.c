#include "analysis/stats.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

static int ascending(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;

    return a < b ? -1 : a > b;
}

double stats_median(double *x, size_t n)
{
    qsort(x, n, sizeof *x, ascending);
    return (x[(n - 1) / 2] + x[n / 2]) / 2;
}

/* ln Gamma by Lanczos' approximation (g = 7, n = 9): about 15 digits for x > 0.5. */
static double log_gamma(double x)
{
    static const double c[] = {0.99999999999980993,  676.5203681218851,     -1259.1392167224028,
                               771.32342877765313,   -176.61502916214059,   12.507343278686905,
                               -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7};
    double sum = c[0], t = x + 6.5;

    for (int i = 1; i < 9; i++) {
        sum += c[i] / (x - 1 + i);
    }
    return 0.91893853320467274178 + (x - 0.5) * log(t) - t + log(sum);
}

/* The upper regularised incomplete gamma function: a series below a + 1, Lentz's continued fraction above. */
static double gamma_q(double a, double x)
{
    double head, sum, term, b, c, d;

    if (x <= 0) {
        return 1;
    }
    head = exp(a * log(x) - x - log_gamma(a));
    if (x < a + 1) {
        sum = term = 1 / a;
        for (int i = 1; i < 10000 && term > sum * 1e-16; i++) {
            term *= x / (a + i);
            sum += term;
        }
        return 1 - head * sum;
    }
    b = x + 1 - a;
    c = 1e300;
    sum = d = 1 / b;
    for (int i = 1; i < 10000; i++) {
        double an = -i * (i - a), factor;

        b += 2;
        d = 1 / (an * d + b);
        c = b + an / c;
        factor = d * c;
        sum *= factor;
        if (factor > 1 - 1e-15 && factor < 1 + 1e-15) {
            break;
        }
    }
    return head * sum;
}

double stats_chi_square_p(double x, double df)
{
    return gamma_q(df / 2, x / 2);
}

double stats_same_counts(const uint64_t *a, const uint64_t *b, size_t n, double *ret_x,
                         double *ret_df)
{
    double na = 0, nb = 0, x = 0, rest_a = 0, rest_b = 0, columns = 0;

    *ret_x = *ret_df = 0;
    for (size_t i = 0; i < n; i++) {
        na += (double)a[i];
        nb += (double)b[i];
    }
    if (na <= 0 || nb <= 0) {
        return 1;
    }
    for (size_t i = 0; i <= n; i++) { /* the last: what was put together */
        double ca = i < n ? (double)a[i] : rest_a, cb = i < n ? (double)b[i] : rest_b;
        double ea = (ca + cb) * na / (na + nb), eb = (ca + cb) * nb / (na + nb);

        if (i < n && (ea < 5 || eb < 5)) {
            rest_a += ca;
            rest_b += cb;
        } else if (ca + cb > 0) {
            x += (ca - ea) * (ca - ea) / ea + (cb - eb) * (cb - eb) / eb;
            columns++;
        }
    }
    if (columns < 2) {
        return 1;
    }
    *ret_x = x;
    *ret_df = columns - 1;
    return stats_chi_square_p(x, columns - 1);
}

struct ranked {
    double value;
    int of;
};

static int by_value(const void *x, const void *y)
{
    const struct ranked *a = x, *b = y;

    return a->value < b->value ? -1 : a->value > b->value;
}

double stats_mann_whitney(const double *x, size_t n, const double *y, size_t m)
{
    MEM_CLEANUP struct ranked *all = mem_array(n + m + 1, sizeof *all);
    double ranks = 0, ties = 0, total = (double)(n + m), u, mean, sigma2, z;

    if (all == NULL) {
        return -1;
    }
    if (n == 0 || m == 0) {
        return 1;
    }
    for (size_t i = 0; i < n + m; i++) {
        all[i] = (struct ranked){i < n ? x[i] : y[i - n], i >= n};
    }
    qsort(all, n + m, sizeof *all, by_value);
    for (size_t i = 0, end; i < n + m; i = end) {
        double t;

        for (end = i; end < n + m && by_value(&all[end], &all[i]) == 0; end++) {
        }
        t = (double)(end - i);
        ties += t * t * t - t;
        for (size_t k = i; k < end; k++) {
            ranks += all[k].of == 0 ? (double)(i + end + 1) / 2 : 0;
        }
    }
    u = ranks - (double)n * (double)(n + 1) / 2;
    mean = (double)n * (double)m / 2;
    sigma2 = (double)n * (double)m / 12 * (total + 1 - ties / (total * (total - 1)));
    if (!(sigma2 > 0)) {
        return 1;
    }
    z = u > mean ? u - mean - 0.5 : mean - u - 0.5;
    return z <= 0 ? 1 : erfc(z / sqrt(2 * sigma2));
}
