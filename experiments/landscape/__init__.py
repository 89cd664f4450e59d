"""Why gradient surgery works: Yu et al. 2020, figure 1 and Theorem 2."""
