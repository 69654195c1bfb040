"""The engine: a frozen XLM-R on packed tokens, and banks of modules stacked side by side on it."""
