"""Built-in networks: one TOML stage table per file in this folder."""
