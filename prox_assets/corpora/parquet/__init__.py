"""Raw Parquet files: rows to Python values, whatever Arrow can hold."""
