"""Documents in, suggestions and reports out."""
