"""Sign-in by django-allauth: what its adapter decides for this product, forms, views and their URLs."""
