"""Where a lake's bytes are: a local folder or an object store, and who may write there."""
