"""The azimuth of objects, seen in images: Yin et al. 2020, section 6.2."""
