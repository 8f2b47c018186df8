"""Does the ranking depend on the recipe? The same few networks at other rates and lengths."""
