"""The helpers that exported programs are made of: real code, one file per framework, copied as text."""
