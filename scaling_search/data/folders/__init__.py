"""A user's folder of images, imported once: every file is taken, or counted with the reason why not."""
