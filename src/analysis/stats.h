/* The few statistics that drift needs. */
#ifndef TW_ANALYSIS_STATS_H
#define TW_ANALYSIS_STATS_H

#include <stddef.h>
#include <stdint.h>

/* The median of x, which is sorted for it; n > 0. */
double stats_median(double *x, size_t n);
/* P(X >= x) of the chi-square distribution; df >= 1. */
double stats_chi_square_p(double x, double df);
/*
 * Are these two rows of counts of the same distribution? Columns whose expected count is below 5 in a row are put together
 * (Cochran's rule). Returns the p value; 1 when there is nothing to compare. *ret_x, *ret_df: the statistic.
 */
double stats_same_counts(const uint64_t *a, const uint64_t *b, size_t n, double *ret_x,
                         double *ret_df);
/* Mann-Whitney U, two sides, by the normal approximation with ties and continuity corrected: the p value. Sorts neither. -1: no memory. */
double stats_mann_whitney(const double *x, size_t n, const double *y, size_t m);

#endif
