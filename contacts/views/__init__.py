"""The screens of contacts, phonebooks and imports."""
