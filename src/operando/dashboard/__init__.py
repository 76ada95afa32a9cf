"""The runs of a store as a web page, the running one live."""
