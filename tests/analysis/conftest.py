"""Loads the statistics once: their import takes seconds, which is no fault of the first example."""

import evalica
import scipy.stats
import statsmodels.stats.contingency_tables
import statsmodels.stats.inter_rater
import statsmodels.stats.multitest
import statsmodels.stats.proportion

LOADED = (evalica, scipy.stats, statsmodels)
