"""Published studies as tables of configs: recipes, plans within a budget of time, execution, tables of outcomes."""
