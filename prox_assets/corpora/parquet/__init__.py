"""Raw Parquet files: turns rows into Python values, for every type that Arrow can hold."""
