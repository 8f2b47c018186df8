"""One image file at a time: opened safely, read as it is seen, brought to the form that a set is stored in."""
