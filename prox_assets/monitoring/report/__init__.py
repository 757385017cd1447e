"""The report on a corpus: one HTML page that opens without a network, made from the lake alone.

`write` puts it into the lake or a file; `page` assembles it; `history`, `trends`, `breakdowns`, `distributions`,
`outliers` and `samples` compute what it shows; `charts` is geometry. Everything of the web that is shown is escaped by
the templates, and the page's content security policy forbids scripts and requests.
"""
