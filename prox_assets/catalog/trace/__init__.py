"""One document's whole life: read, recorded, put into words, drawn as a page."""
