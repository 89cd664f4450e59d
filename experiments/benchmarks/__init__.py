"""Timings of the library beside its peers, paired and interleaved."""
