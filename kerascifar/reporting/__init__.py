"""The report: gathers runs, makes sections of tables and pictures, and renders them as HTML and Markdown."""
