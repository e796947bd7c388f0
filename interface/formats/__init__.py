"""How a language's dates are written where Django's own way does not do."""
