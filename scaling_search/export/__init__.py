"""A network and its weights in other people's formats: one more fold over the operation tree, one file per format."""
