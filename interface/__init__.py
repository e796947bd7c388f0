"""How numbers, dates and times look and are read in each language. Every app may use it; it knows none of them."""
