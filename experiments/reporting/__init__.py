"""The report and the tables of RESULTS.md, made of results and descriptions.

Nothing here names an experiment: what each shows is in its description, see
`experiments.run.contract`.
"""
