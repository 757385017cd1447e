"""All Dagster code: the components RefinedCorpus and RefinerLab and the definitions that they build."""
