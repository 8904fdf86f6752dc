"""The request path. The files of this folder, in listing order, are the order in which a request meets them."""
