"""The pipeline's steps. A step fills columns of the event and returns None, or returns a rejection that ends it."""
