"""The report about a corpus: one HTML page that opens without a network, made from the lake alone.

`write` puts it into the lake or a file; `page` assembles it; `history`, `trends`, `histograms`,
`outliers` and `samples` compute its contents; `charts` computes geometry. The templates escape all text from the web,
and the page's content security policy forbids scripts and requests.
"""
