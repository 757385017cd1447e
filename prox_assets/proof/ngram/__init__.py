"""The n-gram models of a proof: trained in a second, and no noise but the order of documents."""
